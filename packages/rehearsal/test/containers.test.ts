import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { beforeEach, describe, expect, test } from 'vitest'
import { type RehearsalOptions, rehearse } from '../src/index.js'
import { pidNamespaces } from '../src/shared/pid-namespaces.js'
import { fixture, short } from './short.js'
import { startPod } from './started-pod.js'

const namespaces = pidNamespaces()
const obstacle = 'obstacle' in namespaces ? namespaces.obstacle : undefined
const netnsObstacle = process.getuid?.() === 0 ? undefined : 'network namespaces need root'

/** Two pods that are replaced as soon as may be, with a second of grace. */
function run(more: Partial<RehearsalOptions>) {
  const clients = { keepAlive: 3, newConnection: 0, slowKeepAlive: 0 }
  const env = { WORK_MS: '300', ...more.env }
  return rehearse(short({ terminationGracePeriodSeconds: 1, clients, ...more, env }))
}

/** The processes of this machine in whose command line the word is. */
function processesWith(word: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(word)
    } catch {
      return false
    }
  })
}

let marks = 0
const nextMark = () => `podrain-mark-${process.pid}-${marks++}`

describe('a pod is a container', () => {
  beforeEach(({ skip }) => skip(obstacle !== undefined, obstacle))

  test('so that a program without a handler for SIGTERM is killed when the grace period is over, and told why', async () => {
    const { summary, options } = await run({ env: { BEHAVIOUR: 'none' }, app: { framework: 'koa' } })
    expect(options.pidNamespace).toBe(true)
    expect(summary).toMatchObject({ killed: 2, exits: { SIGKILL: 2 } })
    expect(summary.diagnoses).toContainEqual(
      expect.objectContaining({
        kind: 'killed',
        fix: expect.stringMatching(
          /^Handle SIGTERM, .* and node had none, .*: `app\.use\(drain\(\)\)` of @podrain\/koa does\. Raise terminationGracePeriodSeconds from 1 to 8 /,
        ),
      }),
    )
  })

  test('so that a script without exec outlives SIGTERM, whatever its app would do', async () => {
    const args = ['-c', '"$0" "$1"; true', process.execPath, fixture('server.mjs')]
    const { summary } = await run({ command: 'sh', args })
    expect(summary).toMatchObject({ killed: 2, exits: { SIGKILL: 2 } })
    expect(summary.diagnoses[0]?.fix).toMatch(/^Start the app itself, .* or with `exec` in a script: \w+ is PID 1 /)
  })

  test('so that a script with exec ends as its app does', async () => {
    const args = ['-c', 'exec "$0" "$1"', process.execPath, fixture('server.mjs')]
    const { summary } = await run({ command: 'sh', args, terminationGracePeriodSeconds: 30 })
    expect(summary).toMatchObject({ killed: 0, exits: { 'exit 0': 2 } })
  })

  test('leaves no helper process, even in a session of its own', async () => {
    const mark = nextMark()
    let during: string[] = []
    await run({
      args: [fixture('daemonizes.mjs')],
      env: { MARK: mark },
      readinessProbe: { path: '/', periodSeconds: 0.1, timeoutSeconds: 5 },
      onEvent: (event) => {
        if (event.type === 'scenario-begin') during = processesWith(mark)
      },
    })
    expect(during).toHaveLength(2)
    expect(processesWith(mark)).toEqual([])
  })

  test.for(['kill', 'exit', 'ctrl-c'])('of which nothing is left when the program leaves by %s', async (leave) => {
    const mark = nextMark()
    const parent = spawn(process.execPath, [fixture('parent.cjs')], {
      env: { ...process.env, LEAVE: leave, APP: 'daemonizes.mjs', MARK: mark },
      stdio: ['ignore', 'ignore', 'inherit'],
      detached: true,
    })
    await once(parent, 'close')
    await expect.poll(() => processesWith(mark)).toEqual([])
  })

  test('in a network of its own, too', async ({ skip }) => {
    skip(netnsObstacle !== undefined, netnsObstacle)
    const mark = nextMark()
    const { summary } = await run({
      args: [fixture('daemonizes.mjs'), '{port}'],
      env: { MARK: mark },
      netns: true,
      // Its command sees the app as PID 1, and port 8080 as listened on.
      readinessProbe: {
        exec: [
          ...['sh', '-c', '[ "$(readlink /proc/1/exe)" = "$0" ] && grep -q ":1F90 0*:0000 0A" /proc/net/tcp'],
          process.execPath,
        ],
        periodSeconds: 0.1,
      },
      preStop: { exec: { command: ['sh', '-c', 'tr "\\0" " " </proc/1/cmdline | grep -q " {port} "'] } },
    })
    expect(summary).toMatchObject({ killed: 0, hookFailures: 0, exits: { 'exit 0': 2 } })
    expect(processesWith(mark)).toEqual([])
  })
})

describe('beside PID 1', () => {
  beforeEach(({ skip }) => skip(obstacle !== undefined, obstacle))

  const start = (...command: [string, ...string[]]) => startPod(command, { pidNamespace: true })

  test('a command of the kubelet sees the app as PID 1, and runs in its working directory', async () => {
    const pod = await start(process.execPath, '-e', 'setInterval(() => {}, 1e6)')
    const script = 'echo $(readlink /proc/1/exe) $PWD $(pwd -P) $POD_NAME; [ $$ -gt 1 ] && exit 9'
    await expect(pod.exec(['sh', '-c', script])).rejects.toThrow(
      `exit code 9: ${process.execPath} ${__dirname} ${__dirname} pod`,
    )
  })

  test('a command of the kubelet can write to the output of the app', async () => {
    const pod = await start('sleep', '1000')
    await pod.exec(['sh', '-c', 'echo draining >/proc/1/fd/1'])
    await expect.poll(() => pod.output).toEqual(['draining'])
  })

  test('a command that takes too long is ended, with what it has started', async () => {
    const pod = await start(process.execPath, '-e', 'console.log("runs"); setInterval(() => {}, 1e6)')
    await expect.poll(() => pod.output).toEqual(['runs'])
    const mark = nextMark()
    await expect(pod.exec(['sh', '-c', 'sleep 1000; true', mark], 500)).rejects.toThrow('not done within 500 ms')
    await expect.poll(() => processesWith(mark)).toEqual([])
  })

  test.for([
    ['its exit code', ['sh', '-c', 'exit 7'], undefined, { code: 7, signal: null }],
    ['the kill', ['sleep', '1000'], 'SIGKILL', { code: null, signal: 'SIGKILL' }],
    [
      'what its handler makes of a signal',
      ['sh', '-c', 'trap "exit 3" TERM; echo; sleep 1000 & wait'],
      'SIGTERM',
      { code: 3, signal: null },
    ],
  ] as const)('the end of a pod is %s', async ([, [command, ...args], signal, exit]) => {
    const pod = await start(command, ...args)
    if (signal === 'SIGTERM') await expect.poll(() => pod.output).toEqual([''])
    if (signal !== undefined) pod.signal(signal)
    expect(await pod.exited).toEqual(exit)
    await pod.written
    expect(pod.output.filter((line) => line !== '')).toEqual([])
  })
})

test('without a namespace, SIGTERM ends a program that has no handler, and a script without exec', async () => {
  const { summary, options } = await run({ pidNamespace: false, env: { BEHAVIOUR: 'none' } })
  expect(options.pidNamespace).toBe(false)
  expect(summary).toMatchObject({ killed: 0, exits: { SIGTERM: 2 } })
})
