import { readFileSync } from 'node:fs'
import { mkdir, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Addresses } from './address.js'
import { guardDirectory, releaseDirectory } from './reaper.js'

/** Where systemd and container runtimes mount cgroup v2. */
const mount = '/sys/fs/cgroup'
/** The period of the CPU quota in microseconds: the kubelet's default. */
const period = 100_000
/** The shell moves itself into the cgroup, then replaces itself with the command. */
const enter = 'echo $$ >"$0/cgroup.procs" && exec "$@"'
let count = 0

/**
 * Adds a cgroup to each address, with the quota that `resources.limits.cpu` gives a container. When the pod's processes have used
 * up the quota, they wait for the next period.
 * @throws Error that says what this machine lacks.
 */
export async function limitCpu(addresses: Addresses, cpus: number, root: string = mount): Promise<Addresses> {
  await prepare(root)
  return {
    async next() {
      const address = await addresses.next()
      const directory = join(root, `podr-${process.pid.toString(36)}-${(count++).toString(36)}`)
      guardDirectory(directory)
      await mkdir(directory)
      await writeFile(join(directory, 'cpu.max'), `${Math.round(cpus * period)} ${period}`)
      return {
        ...address,
        command: ['sh', '-c', enter, directory, ...address.command],
        release: async () => {
          await remove(directory)
          releaseDirectory(directory)
          await address.release()
        },
      }
    },
    close: () => addresses.close(),
  }
}

async function prepare(root: string): Promise<void> {
  if (process.platform !== 'linux') throw new Error(`\`cpus\` needs Linux; this is ${process.platform}`)
  if (process.getuid?.() !== 0) throw new Error('`cpus` needs root, which alone may make cgroups')
  if (!read(join(root, 'cgroup.controllers')).split(/\s+/).includes('cpu')) {
    throw new Error(`\`cpus\` needs cgroup v2 with the cpu controller in ${root}`)
  }
  if (read(join(root, 'cgroup.subtree_control')).split(/\s+/).includes('cpu')) return
  try {
    await writeFile(join(root, 'cgroup.subtree_control'), '+cpu')
  } catch (error) {
    throw new Error(`\`cpus\` needs the cpu controller for the groups in ${root}: ${(error as Error).message}`)
  }
}

/** Kills the processes that are left in a cgroup, and removes it when they are gone, which may take a moment. */
async function remove(directory: string): Promise<void> {
  // Kernels before 5.14 have no `cgroup.kill`.
  await writeFile(join(directory, 'cgroup.kill'), '1', { flag: 'r+' }).catch(() => {})
  for (let tries = 0; tries < 100; tries++) {
    try {
      return await rmdir(directory)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY') return
      await sleep(20)
    }
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
