import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { rehearse, resolveOptions } from '../src/index.js'
import type { Addresses } from '../src/pods/address.js'
import { createAddresses } from '../src/pods/addresses.js'
import { limitCpu } from '../src/pods/cpu-limit.js'
import { Pod } from '../src/pods/pod.js'

const plan = resolveOptions({ command: 'sh' })
const mount = '/sys/fs/cgroup'
const controllers = existsSync(join(mount, 'cgroup.controllers'))
  ? readFileSync(join(mount, 'cgroup.controllers'), 'utf8')
  : ''
const isRoot = process.platform === 'linux' && process.getuid?.() === 0
const able = isRoot && controllers.split(/\s+/).includes('cpu')

/** Runs a script as a pod, and returns what it wrote, before its address is given back. */
async function outputOf(addresses: Addresses, script: string) {
  const address = await addresses.next()
  const pod = new Pod('pod', true, { ...plan, args: ['-c', script], cwd: tmpdir(), env: {} }, address)
  await pod.exited
  await pod.written
  return { address, output: [...pod.output] }
}

async function isHeldToItsLimit(): Promise<void> {
  const addresses = await createAddresses({ ...plan, cpus: 0.5 })
  const group = `$(sed -n 's/^0:://p' /proc/self/cgroup)`
  const { address, output } = await outputOf(addresses, `echo ${group}; cat "${mount}/$(basename ${group})/cpu.max"`)
  expect(output[1]).toBe('50000 100000')
  const directory = join(mount, (output[0] as string).split('/').at(-1) as string)
  expect(existsSync(directory)).toBe(true)
  await address.release()
  expect(existsSync(directory)).toBe(false)
  await addresses.close()
}

// Few machines hand the cpu controller on to those who run tests.
if (able)
  test('with `cpus`, the processes of a pod share what its cgroup allows, and it goes with the pod', isHeldToItsLimit)
else
  test('with `cpus`, a machine that cannot limit a pod says what is missing', async () => {
    await expect(createAddresses({ ...plan, cpus: 0.5 })).rejects.toThrow(/^`cpus` needs /)
  })

test('a pod is put into its cgroup before its command begins', async ({ skip }) => {
  skip(!isRoot, 'needs Linux and root')
  // Looks like a cgroup, as far as that is files.
  const root = mkdtempSync(join(tmpdir(), 'podrain-cgroup-'))
  onTestFinished(() => rmSync(root, { recursive: true }))
  for (const name of ['cgroup.controllers', 'cgroup.subtree_control']) writeFileSync(join(root, name), 'cpu io\n')
  const addresses = await limitCpu(await createAddresses(plan), 1.5, root)
  const { address, output } = await outputOf(addresses, 'echo begun')
  expect(output).toEqual(['begun'])
  const [directory = ''] = readdirSync(root).filter((name) => name.startsWith('podr-'))
  expect(readFileSync(join(root, directory, 'cpu.max'), 'utf8')).toBe('150000 100000')
  expect(Number(readFileSync(join(root, directory, 'cgroup.procs'), 'utf8'))).toBeGreaterThan(1)
  await address.release()
  await addresses.close()
})

test('`cpus` is refused in words where it cannot be', async ({ skip }) => {
  skip(process.platform !== 'linux', 'the words for Linux')
  const root = mkdtempSync(join(tmpdir(), 'podrain-cgroup-'))
  onTestFinished(() => rmSync(root, { recursive: true }))
  const { getuid } = process
  onTestFinished(() => {
    process.getuid = getuid as () => number
  })
  process.getuid = () => 0
  await expect(limitCpu(await createAddresses(plan), 1, root)).rejects.toThrow(
    `\`cpus\` needs cgroup v2 with the cpu controller in ${root}`,
  )
  process.getuid = () => 1000
  await expect(rehearse({ command: 'node', cpus: 0.5 })).rejects.toThrow('`cpus` needs root')
  await expect(rehearse({ command: 'node', cpus: 0 })).rejects.toThrow('Expected `cpus` to be a number of processors')
})
