import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { interruptIsTermination, killedAfter, turnsIntoInterrupt, warningOfManager } from '../src/process/managers.js'
import { Child, FakeClock, FakeProcess, serve, slow, turns } from './support.js'

function stub(env: Record<string, string>): void {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
  onTestFinished(() => void vi.unstubAllEnvs())
}

const commandLine = (...args: string[]): string => args.map((arg) => `${arg}\0`).join('')

/** @param outlived Whether another process waits for the kernel's bytes. Without it, reading the kernel's table takes real time. */
async function start(outlived = false) {
  const [clock, process] = [new FakeClock(), Object.assign(new FakeProcess(), { outlived })]
  const pod = await serve((_request, response) => response.end('ok'), {
    ...slow,
    clock,
    process,
    signals: ['SIGTERM', 'SIGINT'],
  })
  return { ...pod, clock, process }
}

test.each<[string, Record<string, string>]>([
  ['pm2', { pm_id: '0', kill_timeout: '30000' }],
  ['Nomad', { NOMAD_ALLOC_ID: '6f0b' }],
  ['supervisord', { SUPERVISOR_ENABLED: '1' }],
  ['systemd', { SYSTEMD_EXEC_PID: String(process.pid) }],
])('SIGINT of %s waits for load balancers, as SIGTERM does', async (_, env) => {
  stub(env)
  const { drain, clock, process } = await start()
  const ended = process.signal('SIGINT')
  await turns(3)
  clock.advance(900)
  expect(drain.state).toBe('draining')
  expect(await clock.through(ended)).toBe(true)
  expect((await drain.start()).settleMs).toBeGreaterThanOrEqual(1000)
})

test.each(['SIGINT', 'SIGTERM'] as const)(
  '%s of a pm2 with a short kill_timeout runs the onClose hooks before the kill',
  async (signal) => {
    stub({ pm_id: '0' })
    const { drain, clock, process } = await start(true)
    const closed = vi.fn()
    drain.onClose(closed)
    drain.waitUntil(new Promise(() => {}), { name: 'endless' })
    const began = clock.now()
    await clock.through(process.signal(signal))
    expect(closed).toHaveBeenCalledOnce()
    expect(clock.now() - began).toBeLessThan(1600)
  },
)

test('a pm2 with a kill_timeout beyond the grace period changes nothing', async () => {
  stub({ pm_id: '0', kill_timeout: '60000' })
  const { drain, clock, process } = await start()
  drain.waitUntil(new Promise(() => {}), { name: 'endless' })
  const began = clock.now()
  const ended = process.signal('SIGTERM')
  clock.advance(25_000)
  await clock.through(ended)
  expect(clock.now() - began).toBeLessThan(30_000)
})

test.each<[string, Record<string, string>]>([
  ['of a person', {}],
  ['in a shell that a service of systemd has started', { SYSTEMD_EXEC_PID: '1' }],
])('SIGINT %s does not wait for load balancers', async (_, env) => {
  stub(env)
  const { drain, clock, process } = await start()
  expect(await clock.through(process.signal('SIGINT'))).toBe(true)
  expect((await drain.start()).settleMs).toBeLessThan(1000)
})

test.each([
  commandLine('node', '/usr/local/bin/pm2-runtime', 'start', 'app.js'),
  commandLine('/usr/bin/node', '/app/node_modules/.bin/pm2', 'start', '--no-daemon', 'app.js'),
  commandLine('pm2-docker', 'app.js'),
  'PM2 v6.0.5: God Daemon (/root/.pm2)',
  commandLine('/usr/bin/dumb-init', '--rewrite', '15:2', '--', 'node', 'server.js'),
  commandLine('dumb-init', '-r', '15:2', 'node', 'server.js'),
  commandLine('dumb-init', '--rewrite=15:2', 'node', 'server.js'),
])('a process 1 that turns SIGTERM into SIGINT is recognised: %j', (line) => {
  expect(turnsIntoInterrupt(line)).toBe(true)
})

test.each([
  commandLine('node', 'server.js'),
  commandLine('dumb-init', 'node', 'server.js'),
  commandLine('dumb-init', '--rewrite', '15:3', 'node', 'server.js'),
  commandLine('/sbin/init'),
  commandLine('node', 'pm2.config.js'),
  '',
])('any other process 1 is not: %j', (line) => {
  expect(turnsIntoInterrupt(line)).toBe(false)
})

test.each<[string, Record<string, string>, RegExp | undefined]>([
  [
    'says that it kills in the middle of a drain',
    {},
    /pm2 kills this process 1600 ms after its signal, and a drain may take 9000 ms/,
  ],
  [
    'says so of a kill_timeout that is too short',
    { kill_timeout: '5000' },
    /pm2 kills this process 5000 ms after .* set kill_timeout to 9000 /,
  ],
  ['is content with one that is long enough', { kill_timeout: '9000' }, undefined],
])('under pm2 an application %s', async (_, env, line) => {
  stub({ pm_id: '0', ...env })
  const child = await Child.start()
  const warnings = child.lines.filter((each) => each.includes('pm2 kills'))
  expect(warnings).toEqual(line ? [expect.stringMatching(line)] : [])
})

test('for a process that is not process 1, SIGINT is Ctrl-C, also in a pod', () => {
  stub({ KUBERNETES_SERVICE_HOST: '10.96.0.1' })
  expect(interruptIsTermination()).toBe(false)
})

test.each([
  ['without pm2', {}],
  ['under a pm2 that gives just the time that a drain may take', { pm_id: '0', kill_timeout: '9000' }],
])('there is no warning of pm2 %s', (_where, env) => {
  stub(env)
  expect(warningOfManager(9000)).toBeUndefined()
})

describe('SIGINT to process 1 of a pod', () => {
  function first({ terminal }: { terminal: boolean }): void {
    const { stdin } = process
    const [pid, isTTY] = [
      Object.getOwnPropertyDescriptor(process, 'pid'),
      Object.getOwnPropertyDescriptor(stdin, 'isTTY'),
    ]
    Object.defineProperty(process, 'pid', { value: 1, configurable: true })
    Object.defineProperty(stdin, 'isTTY', { value: terminal, configurable: true })
    onTestFinished(() => {
      if (pid) Object.defineProperty(process, 'pid', pid)
      if (isTTY) Object.defineProperty(stdin, 'isTTY', isTTY)
      else Reflect.deleteProperty(stdin, 'isTTY')
    })
  }

  test.each([
    ['is the container runtime’s', { KUBERNETES_SERVICE_HOST: '10.96.0.1' }, false, true],
    ['is a person’s, if that one has a terminal', { KUBERNETES_SERVICE_HOST: '10.96.0.1' }, true, false],
    ['is a person’s outside of a pod', {}, false, false],
  ])('%s', (_name, env, terminal, expected) => {
    stub(env)
    first({ terminal })
    expect(interruptIsTermination()).toBe(expected)
  })
})

test.each<[Record<string, string>, number | undefined]>([
  [{}, undefined],
  [{ pm_id: '0' }, 1600],
  [{ pm_id: '0', kill_timeout: '5000' }, 5000],
  [{ pm_id: '0', PM2_KILL_TIMEOUT: '7000' }, 7000],
  [{ pm_id: '0', kill_timeout: '5000', PM2_KILL_TIMEOUT: '7000' }, 5000],
  [{ pm_id: '0', kill_timeout: '0' }, 1600],
  [{ pm_id: '0', kill_timeout: 'soon' }, 1600],
])('with %o a process is killed %s ms after the signal of pm2', (env, ms) => {
  stub(env)
  expect(killedAfter()).toBe(ms)
})

test.each([
  [['dumb-init', '-r', '15:2'].join('\0'), true],
  [commandLine('dumb-init', '--rewrite=SIGTERM:SIGINT', '--', 'node'), true],
  [commandLine('dumb-init', '--rewrite', '15:20', 'node'), false],
  [commandLine('dumb-init', 'node', 'x-r', '15:2'), false],
  [commandLine('/usr/bin/lpm2'), false],
  [commandLine('sh', 'pm2'), false],
  [commandLine('node', '/usr/bin/pm2-runtime'), true],
  [commandLine('node', 'server.js'), false],
  [commandLine('PM2 v5.3.0: God Daemon (/root/.pm2)'), true],
])('the first process %j turns SIGTERM into SIGINT: %s', (line, expected) => {
  expect(turnsIntoInterrupt(line)).toBe(expected)
})

test('a pm2 with a kill_timeout that is too short is named with both times and the remedy', () => {
  stub({ pm_id: '0', kill_timeout: '3000' })
  expect(warningOfManager(9000)).toMatch(
    /^pm2 kills this process 3000 ms after its signal, and a drain may take 9000 ms, so .*: set kill_timeout to 9000 in pm2's ecosystem file/,
  )
})
