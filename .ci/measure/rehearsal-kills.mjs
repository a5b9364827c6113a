/**
 * Ends rehearsals at random moments with SIGKILL, two SIGINT, a closed pipe or a full disk, and checks that nothing is left: processes,
 * network namespaces and links, cgroups, temporary files. The rehearsed app starts a helper in its own session. Needs Linux. As root, half
 * of the rehearsals have a network namespace for each pod. With cgroup v2, all have a CPU limit.
 *
 *     node .ci/measure/rehearsal-kills.mjs [--times 50] [--seed 1]
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { numberOf } from '../shared/arguments.mjs'

const { values } = parseArgs({
  options: { times: { type: 'string', default: '50' }, seed: { type: 'string', default: '1' } },
})
const times = numberOf('times', values.times)
const isRoot = process.getuid() === 0
const cgroups = '/sys/fs/cgroup/cgroup.controllers'
const hasCpu = isRoot && existsSync(cgroups) && readFileSync(cgroups, 'utf8').includes('cpu ')
/** About how many milliseconds a rehearsal with these flags takes. It is ended before that. */
const length = 6000
/** Milliseconds for the clean-up, which is done by a shell that outlives the rehearsal. */
const cleanUpTimeout = 10_000
const flags = [
  ...['--replicas', '2', '--grace', '3s', '--ready', '/', '--ready-period', '200ms', '--start-delay', '200ms'],
  ...['--warm-up', '1s', '--cool-down', '500ms', '--endpoint-lag', '100ms,200ms,300ms', '--get', '/', '--no-color'],
]

/** The ways to end a rehearsal after `ms` milliseconds. */
const ways = {
  SIGKILL: async (podrain, ms) => {
    await sleep(ms)
    podrain.kill('SIGKILL')
  },
  'two SIGINT': async (podrain, ms) => {
    await sleep(ms)
    podrain.kill('SIGINT')
    await sleep(random() * 200)
    podrain.kill('SIGINT')
  },
  EPIPE: async (podrain, ms) => {
    await sleep(ms)
    podrain.stdout.destroy()
    podrain.stderr.destroy()
  },
  // The disk is full when the result and the page are written, so this way needs no signal.
  'full disk': async () => {},
}

let state = numberOf('seed', values.seed)
function random() {
  state = (state * 1_103_515_245 + 12_345) % 2 ** 31
  return state / 2 ** 31
}

/** The processes whose environment contains the mark. Everything that a rehearsal starts inherits it. */
function processesOf(mark) {
  return readdirSync('/proc').flatMap((pid) => {
    try {
      if (!/^\d+$/.test(pid) || !readFileSync(`/proc/${pid}/environ`, 'utf8').includes(mark)) return []
      return [`process ${pid}: ${readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')}`]
    } catch {
      return []
    }
  })
}

function networksOf(pid) {
  const shown = ['netns list', '-oneline link show'].map(
    (what) => spawnSync('ip', what.split(' '), { encoding: 'utf8' }).stdout ?? '',
  )
  const names = shown.flatMap((text) => text.match(/\bpodr-[0-9a-z]+-[0-9a-z]+/g) ?? [])
  return names.filter((name) => name.startsWith(`podr-${pid.toString(36)}-`)).map((name) => `network ${name}`)
}

function cgroupsOf(pid) {
  return ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'].flatMap((root) => {
    try {
      const names = readdirSync(root).filter((name) => name.startsWith(`podr-${pid.toString(36)}-`))
      return names.map((name) => `cgroup ${join(root, name)}`)
    } catch {
      return []
    }
  })
}

async function run(number) {
  const way = Object.keys(ways)[number % 4]
  const netns = isRoot && number % 8 >= 4
  const directory = mkdtempSync(join(tmpdir(), 'podrain-kills-'))
  const mark = `PODRAIN_KILLS=${process.pid}-${number}.`
  const files = way === 'full disk' ? ['--html', '/dev/full', '--json', '/dev/full'] : []
  const own = [...flags, ...(netns ? ['--netns'] : []), ...(hasCpu ? ['--cpus', '1'] : []), ...files]
  const podrain = spawn(
    process.execPath,
    [
      'packages/podrain/bin/podrain.js',
      'rehearse',
      ...own,
      '--',
      process.execPath,
      '.ci/measure/rehearsal-kills/app.mjs',
    ],
    {
      env: { ...process.env, TMPDIR: directory, PODRAIN_KILLS: mark.split('=')[1] },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  const closed = once(podrain, 'exit')
  let seen = ''
  for (const stream of [podrain.stdout, podrain.stderr])
    stream.on('data', (data) => (seen += data)).on('error', () => {})
  const ms = Math.round(random() * length)
  let most = 0
  const watch = setInterval(() => {
    most = Math.max(most, processesOf(mark).filter((line) => line.includes('sleep 777')).length)
  }, 250)
  await ways[way](podrain, ms)
  const [code, signal] = await closed
  clearInterval(watch)
  const until = performance.now() + cleanUpTimeout
  let left
  do {
    left = [
      ...processesOf(mark),
      ...networksOf(podrain.pid),
      ...cgroupsOf(podrain.pid),
      ...readdirSync(directory).map((name) => `file ${name}`),
    ]
    if (left.length > 0) await sleep(50)
  } while (left.length > 0 && performance.now() < until)
  rmSync(directory, { recursive: true })
  const at = way === 'full disk' ? '' : ` at ${ms} ms`
  const phase = seen.match(/(starting pods|warming up|rolling update|cooling down)/g)?.at(-1) ?? 'before it began'
  console.log(
    `${number + 1}: ${way}${at}${netns ? ', netns' : ''} (${phase}; ${most} helpers seen; ${signal ?? `exit ${code}`}): ${left.length === 0 ? 'nothing left' : `LEFT ${left.join('; ')}`}`,
  )
  return { clean: left.length === 0, helpers: most }
}

let clean = 0
let helpers = 0
for (let number = 0; number < times; number++) {
  const result = await run(number)
  if (result.clean) clean++
  helpers += result.helpers
}
console.log(`nothing left: ${clean} of ${times}; ${helpers} helpers had been started at least`)
process.exit(clean === times && helpers > 0 ? 0 : 1)
