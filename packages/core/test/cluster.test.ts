import cluster from 'node:cluster'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { type ClusterOptions, type DrainReport, drainCluster } from '../src/index.js'
import { ask, Child, Client, type Exit, type Reply } from './support.js'

async function start(config: object = {}): Promise<Child> {
  const child = new Child(config, 'cluster.mjs')
  await child.listening()
  return child
}

/** How many lines of the child match. */
function count(child: Child, pattern: RegExp): number {
  return child.lines.filter((line) => pattern.test(line)).length
}

async function says(child: Child, pattern: RegExp, times: number): Promise<void> {
  await expect.poll(() => count(child, pattern)).toBe(times)
}

/** One held request in each worker. The workers get new connections in turn. */
async function holdEach(child: Child, workers: number): Promise<Promise<string>[]> {
  const answers: Promise<string>[] = []
  for (let n = 1; n <= workers; n++) {
    answers.push(
      ask(child.port, '/hold').then(
        ({ body }) => body,
        ({ code }) => code,
      ),
    )
    await says(child, /^held/, n)
  }
  expect(new Set(child.lines.filter((line) => line.startsWith('held'))).size).toBe(workers)
  return answers
}

function hook(port: number): Promise<Reply> {
  return ask(port, '/prestop', { headers: { 'user-agent': 'kube-lifecycle/1.34' } })
}

async function reportOf(child: Child): Promise<DrainReport> {
  return JSON.parse((await child.line(/^report /)).slice('report '.length))
}

/** Workers have 2 s, and the primary has 7 s. SIGKILL comes 5 s later, so that a busy machine changes nothing. */
const cramped = {
  options: { terminationGracePeriodSeconds: 12, reserve: 10_000 },
  primaryOptions: { reserve: 10_000 },
}

/** SIGTERM, and SIGKILL when the grace period is over. */
async function terminate(child: Child, graceMs = 20_000): Promise<Exit> {
  child.signal('SIGTERM')
  const timer = setTimeout(() => child.signal('SIGKILL'), graceMs)
  const exit = await child.exit
  clearTimeout(timer)
  return exit
}

describe('the hook', () => {
  test('that reaches one worker drains all workers, and is answered when the last request of all is answered', async () => {
    const child = await start()
    const answers = await holdEach(child, 3)
    let answered = false
    const hooked = hook(child.port).finally(() => {
      answered = true
    })
    await says(child, /^worker draining/, 3)
    const probes = await Promise.all([1, 2, 3, 4, 5, 6].map(() => ask(child.port, '/readyz')))
    expect(probes.map(({ status }) => status)).toEqual([503, 503, 503, 503, 503, 503])
    expect((await ask(child.port)).status).toBe(200)
    expect(answered).toBe(false)
    child.tell('answer')
    expect(await Promise.all(answers)).toEqual(['at last', 'at last', 'at last'])
    expect((await hooked).status).toBe(200)
    expect(count(child, /^worker closing/)).toBe(0)
    expect(await terminate(child)).toEqual([0, null])
    expect(count(child, /^worker closed/)).toBe(3)
  })

  test('waits for a request of another worker', async () => {
    const child = await start()
    const [answer] = await holdEach(child, 1)
    const hooks = Promise.all([1, 2, 3].map(() => hook(child.port)))
    let answered = false
    void hooks.finally(() => {
      answered = true
    })
    await says(child, /^worker draining/, 3)
    // Far more than the two idle workers need to settle.
    await new Promise((resolve) => setTimeout(resolve, 1500))
    expect(answered).toBe(false)
    child.tell('answer')
    expect(await answer).toBe('at last')
    expect((await hooks).map(({ status }) => status)).toEqual([200, 200, 200])
    expect(await terminate(child)).toEqual([0, null])
  })

  test('is undone in every worker when no signal follows', async () => {
    const child = await start({ options: { terminationGracePeriodSeconds: 6 } })
    expect((await hook(child.port)).status).toBe(200)
    await says(child, /^worker serving/, 3)
    await child.line(/^primary serving/)
    const probes = await Promise.all([1, 2, 3].map(() => ask(child.port, '/readyz')))
    expect(probes.map(({ status }) => status)).toEqual([200, 200, 200])
    expect(await terminate(child)).toEqual([0, null])
  })

  test('that is pending at the signal hurries every worker', async () => {
    const child = await start({ options: { terminationGracePeriodSeconds: 60 } })
    const answers = await holdEach(child, 3)
    const hooked = hook(child.port)
    await says(child, /^worker draining/, 3)
    expect(await terminate(child)).toEqual([1, null])
    expect(await Promise.all(answers)).toEqual(['ECONNRESET', 'ECONNRESET', 'ECONNRESET'])
    expect((await hooked).status).toBe(200)
  })

  test('that is pending at the signal leaves a worker the time to report what it cut', async () => {
    const child = await start({ workers: 1, hang: true, options: { terminationGracePeriodSeconds: 60 } })
    const [answer] = await holdEach(child, 1)
    void hook(child.port)
    await child.line(/^worker draining/)
    expect(await terminate(child)).toEqual([1, null])
    expect(await answer).toBe('ECONNRESET')
    expect(child.lines).toContainEqual(
      expect.stringMatching(/^podrain \(worker \d+\): drained in .*cut 1 .*GET \/hold/),
    )
  })

  test('with eight waiting callers causes no warning of Node about leaked listeners', async () => {
    const child = await start({ workers: 1, options: { terminationGracePeriodSeconds: 60 } })
    const [answer] = await holdEach(child, 1)
    const hooks = Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(() => hook(child.port)))
    await expect.poll(async () => (await hook(child.port)).status).toBe(503)
    child.tell('answer')
    await Promise.all([answer, hooks])
    expect(await terminate(child)).toEqual([0, null])
    expect(child.lines.join('\n')).not.toContain('MaxListenersExceededWarning')
  })

  test('whose caller has disconnected does not count as pending at the signal', async () => {
    const child = await start({ options: { terminationGracePeriodSeconds: 60 } })
    const answers = await holdEach(child, 2)
    const caller = await Client.open(child.port)
    caller.get('/prestop', 'User-Agent: kube-lifecycle/1.34')
    await says(child, /^worker draining/, 3)
    const closed = count(child, /^a connection has closed/)
    caller.abort()
    await expect.poll(() => count(child, /^a connection has closed/)).toBeGreaterThan(closed)
    const exiting = terminate(child)
    // A signal that came too late would have cut them by now.
    await new Promise((resolve) => setTimeout(resolve, 2500))
    child.tell('answer')
    expect(await Promise.all(answers)).toEqual(['at last', 'at last'])
    expect(await exiting).toEqual([0, null])
  })

  test('may go to the primary, whose control port is ready only while a worker listens', async () => {
    const child = await start({ primaryOptions: { controlPort: 0 } })
    const port = Number((await child.line(/control endpoints on port/)).split(' ').at(-1))
    expect((await ask(port, '/readyz')).json()).toMatchObject({ ready: true, checks: { workers: 'ok' } })
    const [answer] = await holdEach(child, 1)
    const hooked = hook(port)
    await says(child, /^worker draining/, 3)
    expect((await ask(port, '/drainz')).json()).toMatchObject({
      state: 'draining',
      tasks: expect.arrayContaining([expect.stringMatching(/^worker \d+$/)]),
    })
    child.tell('answer')
    expect(await answer).toBe('at last')
    expect((await hooked).json()).toMatchObject({ tasks: [] })
    expect(await terminate(child)).toEqual([0, null])
  })
})

describe('SIGTERM to the primary', () => {
  test('lets every worker answer its requests in flight, and exits after the last worker, with 0', async () => {
    const child = await start()
    const answers = await holdEach(child, 3)
    const exiting = terminate(child)
    await says(child, /^worker draining/, 3)
    expect((await ask(child.port)).status).toBe(200)
    child.tell('answer')
    expect(await Promise.all(answers)).toEqual(['at last', 'at last', 'at last'])
    expect(await exiting).toEqual([0, null])
    const order = child.lines
      .filter((line) => /^(worker gone|primary clos)/.test(line))
      .map((line) => line.split(' ')[1])
    expect(order).toEqual(['gone', 'gone', 'gone', 'closing', 'closes', 'closed'])
    expect(count(child, /^podrain \(worker \d+\): drained in .* after SIGTERM; nothing cut$/)).toBe(3)
    expect(await reportOf(child)).toMatchObject({ reason: 'SIGTERM', clean: true, unfinishedTasks: [] })
  })

  test('waits for load balancers once, in the workers', async () => {
    const child = await start({ options: { settle: { min: 1000 } } })
    const exiting = terminate(child)
    await says(child, /^worker draining/, 3)
    expect((await ask(child.port)).status).toBe(200)
    expect(await exiting).toEqual([0, null])
    const { durationMs } = await reportOf(child)
    expect(durationMs).toBeGreaterThanOrEqual(1000)
    expect(count(child, /^worker draining/)).toBe(3)
  })

  test('exits with 1, and names the worker, if a worker has cut a request', async () => {
    const child = await start(cramped)
    const [answer] = await holdEach(child, 1)
    expect(await terminate(child, 12_000)).toEqual([1, null])
    expect(await answer).toBe('ECONNRESET')
    expect(child.lines).toContainEqual(expect.stringMatching(/hook "workers" failed: Error: worker \d+ exited with 1/))
  })

  test.each([
    ['whose close hook hangs', { hang: true }, undefined],
    ['whose event loop is blocked', {}, '/block'],
  ])('exits before SIGKILL with a worker %s', async (_, config, path) => {
    const child = await start({ ...config, ...cramped })
    if (path) {
      ask(child.port, path).catch(() => {})
      await child.line(/^blocked/)
    }
    expect(await terminate(child, 12_000)).toEqual([1, null])
  })

  test('does not exit before clients have taken what workers have sent', async () => {
    const child = await start(cramped)
    const reader = await Client.open(child.port)
    reader.socket.pause()
    reader.get('/large')
    await child.line(/^large response closed/)
    expect(await terminate(child, 12_000)).toEqual([1, null])
    // Either line shows that it has waited for the bytes. If reading the kernel's table is slow, the hook times out.
    expect(child.lines).toContainEqual(
      expect.stringMatching(/hook "workers" (failed: Error: \d+ bytes not taken by their clients|did not end within)/),
    )
    expect(child.lines.filter((line) => /^worker gone \d+ 0/.test(line))).toHaveLength(3)
  })

  test('ends an application that forks at every exit, without an endless series of forks', async () => {
    const child = await start({ forksAgain: true })
    expect(await terminate(child)).toEqual([0, null])
    expect(count(child, /^forked/)).toBeLessThanOrEqual(6)
    expect(count(child, /^worker gone \d+ 0 true$/)).toBe(3)
  })

  test('that every process of the group gets counts as one signal', async () => {
    const child = await start()
    const answers = await holdEach(child, 3)
    for (const line of child.lines) if (line.startsWith('held')) process.kill(Number(line.split(' ')[1]), 'SIGTERM')
    const exiting = terminate(child)
    await says(child, /^worker draining/, 3)
    child.tell('answer')
    expect(await Promise.all(answers)).toEqual(['at last', 'at last', 'at last'])
    expect(await exiting).toEqual([0, null])
  })
})

describe('connections that the primary has accepted, and not yet handed to a worker,', () => {
  test.each([
    ['SIGINT', 1],
    ['SIGINT', 2],
    ['SIGTERM', 1],
  ] as const)('are answered after %s, however busy its workers were (%i of them)', async (signal, workers) => {
    const folder = mkdtempSync(join(tmpdir(), 'podrain-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const busyWhile = join(folder, 'busy')
    writeFileSync(busyWhile, '')
    // Without a wait for load balancers, in which they would be handed out anyway.
    const child = await start({ workers, busyWhile, options: { settle: { min: 0, quiet: 0 } } })
    const busy = Array.from({ length: workers }, () => ask(child.port, '/busy').then(({ body }) => body))
    await says(child, /^busy/, workers)
    const clients = await Promise.all(Array.from({ length: 20 }, () => Client.open(child.port)))
    for (const client of clients) client.get('/', 'Connection: close')
    child.signal(signal)
    await child.line(/^primary draining/)
    rmSync(busyWhile)
    expect(await Promise.all(busy)).toEqual(busy.map(() => 'busy no more'))
    await Promise.all(clients.map((client) => client.end()))
    expect(clients.filter(({ received }) => /^HTTP\/1\.1 200 .*\d+$/s.test(received))).toHaveLength(20)
    expect(await child.exit).toEqual([0, null])
  })
})

describe('the grace period', () => {
  const drainsWith = (left: string): RegExp =>
    new RegExp(`^podrain \\(.*\\): draining because of SIGTERM: .* 1 in flight, ${left} s of budget left$`)

  test.each([
    [60, 2, '5[89]\\.\\d'],
    [6, 60, '[345]\\.\\d'],
  ])('of the primary counts: %i s, for a worker whose options say %i s', async (primary, worker, left) => {
    const child = await start({
      workers: 1,
      primaryOptions: { terminationGracePeriodSeconds: primary },
      options: { terminationGracePeriodSeconds: worker },
    })
    const told = await child.line(/^podrain \(worker \d+\): the grace period is/)
    expect(told).toContain(
      `is ${primary}.0 s in the primary and ${worker}.0 s in this worker's options: the primary's counts`,
    )
    const [answer] = await holdEach(child, 1)
    const exiting = terminate(child)
    await child.line(drainsWith(left))
    child.tell('answer')
    expect(await answer).toBe('at last')
    expect(await exiting).toEqual([0, null])
  })
})

describe('a worker', () => {
  test('whose primary does not drain warns of that at its start, and says what to write', async () => {
    const child = await start({ alone: true, workers: 1 })
    expect(
      count(child, /^podrain: this is a worker of node:cluster, and its primary does not drain: call drainCluster\(\)/),
    ).toBe(1)
  })

  test.each([
    ['whose primary drains', {}, {}],
    ['that leaves signals to its application', { alone: true, options: { signals: false } }, {}],
    ['of pm2, which signals each', { alone: true }, { pm_id: '0' }],
  ])('%s does not warn', async (_, config, env) => {
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
    onTestFinished(() => void vi.unstubAllEnvs())
    const child = await start({ workers: 1, ...config })
    expect(count(child, /its primary does not drain/)).toBe(0)
  })

  test('that is forked while the pod drains, drains with the others', async () => {
    const child = await start({ forksAgain: true })
    const [answer] = await holdEach(child, 1)
    const hooked = hook(child.port)
    await says(child, /^worker draining/, 3)
    // In turn, so one of the three reaches a worker that holds nothing.
    await ask(child.port, '/crash').catch(() => {})
    await says(child, /^forked/, 4)
    await says(child, /^worker draining/, 4)
    child.tell('answer')
    expect(['at last', 'ECONNRESET']).toContain(await answer)
    await hooked.catch(() => {})
    expect(await terminate(child)).toEqual([0, null])
  })

  test('that is forked late gets no more time than the pod has', async () => {
    const child = await start({ workers: 2, forksAgain: true })
    expect((await hook(child.port)).status).toBe(200)
    await new Promise((resolve) => setTimeout(resolve, 1000))
    await ask(child.port, '/crash').catch(() => {})
    await says(child, /^worker draining/, 3)
    await says(child, /because of the preStop hook: draining for [1-9]/, 1)
    expect(await terminate(child)).toEqual([0, null])
  })

  test('whose primary does not use podrain is a process like any other', async () => {
    const child = await start({ alone: true, workers: 1 })
    const pid = (await ask(child.port)).body
    const [answer] = await holdEach(child, 1)
    process.kill(Number(pid), 'SIGTERM')
    await child.line(/^worker draining/)
    const hooked = hook(child.port)
    child.tell('answer')
    expect(await answer).toBe('at last')
    expect((await hooked).status).toBe(200)
    expect(await child.line(/^worker gone/)).toMatch(/ 0 false$/)
    expect(child.lines).toContainEqual(expect.stringMatching(/^podrain: drained in .* nothing cut$/))
  })
})

describe('threads', () => {
  async function startThreads(config: object = {}): Promise<[Child, number[]]> {
    const child = await start({ threads: 2, ...config })
    return [child, (await child.line(/^listening/)).split(' ').slice(1).map(Number)]
  }

  test('answer their requests in flight at a signal that only the main thread gets', async () => {
    const [child, ports] = await startThreads()
    const answers = ports.map((port) => ask(port, '/hold').then(({ body }) => body))
    await says(child, /^held/, 2)
    const exiting = terminate(child)
    await says(child, /^worker draining/, 2)
    expect((await ask(ports[0] ?? 0)).status).toBe(200)
    child.tell('answer')
    expect(await Promise.all(answers)).toEqual(['at last', 'at last'])
    expect(await exiting).toEqual([0, null])
    expect(count(child, /^thread gone 0/)).toBe(2)
    expect(count(child, /this is a worker thread/)).toBe(0)
    expect(count(child, /^podrain \(thread \d+\): drained in .* after SIGTERM; nothing cut$/)).toBe(2)
  })

  test('drain together for a hook that reaches one of them', async () => {
    const [child, [first = 0, second = 0]] = await startThreads()
    const answer = ask(first, '/hold')
    await says(child, /^held/, 1)
    let answered = false
    const hooked = hook(second).finally(() => {
      answered = true
    })
    await says(child, /^worker draining/, 2)
    expect((await ask(first, '/readyz')).status).toBe(503)
    expect(answered).toBe(false)
    child.tell('answer')
    expect((await answer).body).toBe('at last')
    expect((await hooked).status).toBe(200)
    expect(await terminate(child)).toEqual([0, null])
  })

  test('have the control port of a variable in the main thread, which is ready when a thread listens', async () => {
    vi.stubEnv('PODRAIN_CONTROL_PORT', '0')
    onTestFinished(() => void vi.unstubAllEnvs())
    const [child, [first = 0]] = await startThreads()
    const port = Number((await child.line(/control endpoints on port/)).split(' ').at(-1))
    await expect.poll(async () => (await ask(port, '/readyz')).status).toBe(200)
    expect((await ask(first, '/readyz')).body).toMatch(/^\d+$/)
    expect((await hook(port)).status).toBe(200)
    await says(child, /^worker draining/, 2)
    expect(count(child, /control endpoints on/)).toBe(1)
    expect(await terminate(child)).toEqual([0, null])
  })

  test('have the control socket of a variable in the main thread', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'podrain-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const path = join(folder, 'podrain.sock')
    vi.stubEnv('PODRAIN_CONTROL_SOCKET', path)
    onTestFinished(() => void vi.unstubAllEnvs())
    const [child] = await startThreads()
    await child.line(/control endpoints on .*podrain\.sock/)
    const [response] = (await once(get({ socketPath: path, path: '/prestop', agent: false }), 'response')) as [
      IncomingMessage,
    ]
    response.resume()
    expect(response.statusCode).toBe(200)
    await says(child, /^worker draining/, 2)
    expect(await terminate(child)).toEqual([0, null])
  })

  test('that get no signals from the main thread warn of that once each', async () => {
    const [child] = await startThreads({ alone: true })
    await says(child, /^podrain \(thread \d+\): this is a worker thread, .* call drainThread\(drain, thread\)/, 2)
    expect(await terminate(child)).toEqual([0, null])
  })

  test('that had to cut a request make the process exit with 1', async () => {
    const [child, [port = 0]] = await startThreads({ options: { terminationGracePeriodSeconds: 6, closing: 3000 } })
    const answer = ask(port, '/hold').catch(({ code }) => code)
    await says(child, /^held/, 1)
    expect(await terminate(child)).toEqual([1, null])
    expect(await answer).toBe('ECONNRESET')
    expect(child.lines).toContainEqual(
      expect.stringMatching(/hook "threads" failed: Error: (thread \d+ had to be killed, )?thread \d+ exited with 1/),
    )
  })
})

describe('drainCluster()', () => {
  test.each<[string, ClusterOptions | object, RegExp]>([
    [
      'an option of the workers',
      { settle: { min: 1 } },
      /^Option `settle` is for the workers, because they serve the requests$/,
    ],
    ['an option that does not exist', { controlprt: 1 }, /^Unknown option `controlprt`/],
    [
      'a reserve that is none',
      { reserve: 'much' },
      /^Expected `reserve` to be a number of milliseconds, got `'much'`$/,
    ],
    ['a token that is not set', { token: undefined }, /^Expected `token` to be a string, got `undefined`/],
  ])('refuses %s, and leaves the process as it was', (_, options, message) => {
    const before = process.listenerCount('SIGTERM')
    expect(() => drainCluster(options as ClusterOptions)).toThrow(message)
    expect(process.listenerCount('SIGTERM')).toBe(before)
    expect(process.env.PODRAIN_PRIMARY).toBeUndefined()
  })

  test('refuses a second call, and releases everything when its drain is disposed of', async () => {
    const events = ['fork', 'message', 'listening', 'exit']
    const before = events.map((event) => cluster.listenerCount(event))
    const drain = drainCluster({ signals: false, logger: false })
    expect(() => drainCluster()).toThrow('drainCluster() was called twice')
    await drain.dispose()
    expect(events.map((event) => cluster.listenerCount(event))).toEqual(before)
    expect(process.env.PODRAIN_PRIMARY).toBeUndefined()
  })
})
