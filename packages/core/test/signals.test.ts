import { describe, expect, test } from 'vitest'
import type { DrainReport } from '../src/index.js'
import { ask, Child, Client, type Exit } from './support.js'

/** A request with a response in two halves. The child sends the second half when the test lets it. */
async function hold(child: Child, port = child.port): Promise<Client> {
  const before = child.lines.filter((line) => line === 'held').length
  const client = await Client.open(port)
  await client.get('/hold?secret').until(/first half, /)
  await expect.poll(() => child.lines.filter((line) => line === 'held').length).toBe(before + 1)
  return client
}

const whole = /first half, .*second half.*\r\n0\r\n\r\n$/s

async function reportOf(child: Child): Promise<DrainReport> {
  return JSON.parse((await child.line(/^report /)).slice('report '.length))
}

/** Kills the child when its grace period is over, as the kubelet does. The time counts from the signal. */
async function terminate(child: Child, signal: NodeJS.Signals, graceMs: number): Promise<Exit> {
  child.signal(signal)
  const timer = setTimeout(() => child.signal('SIGKILL'), graceMs)
  const exit = await child.exit
  clearTimeout(timer)
  return exit
}

describe('SIGTERM', () => {
  test('drains, answers the request in flight completely, and exits with 0', async () => {
    const child = await Child.start()
    const client = await hold(child)
    child.signal('SIGTERM')
    await child.line(/^podrain: draining because of SIGTERM: .*1 in flight/)
    expect((await ask(child.port)).body).toBe('ok')
    child.tell('answer')
    await client.end()
    expect(client.received).toMatch(whole)
    expect(await child.exit).toEqual([0, null])
    expect(child.lines).toEqual(
      expect.arrayContaining(['state draining', 'state closing', 'close hooks', 'state closed']),
    )
    expect(child.lines.filter((line) => /after SIGTERM; nothing cut$/.test(line))).toHaveLength(1)
    expect(await reportOf(child)).toMatchObject({ reason: 'SIGTERM', answered: 2, cut: [], clean: true })
  })

  test('waits for load balancers even if nothing is in flight', async () => {
    const child = await Child.start()
    child.signal('SIGTERM')
    expect(await child.exit).toEqual([0, null])
    expect((await reportOf(child)).settleMs).toBeGreaterThanOrEqual(200)
  })

  test('with other listeners drains first, and the log names them when they are called', async () => {
    const child = await Child.start({ agents: true })
    child.signal('SIGTERM')
    expect(await child.exit).toEqual([0, null])
    const closed = child.lines.indexOf('state closed')
    expect(closed).toBeGreaterThan(0)
    expect(child.lines.slice(closed)).toContain(
      'podrain: calling the other listeners of SIGTERM (earlyAgent, lateAgent)',
    )
  })

  test('before the server listens ends the process, too', async () => {
    const child = new Child({ listenLater: true })
    await child.line(/^not listening yet/)
    child.signal('SIGTERM')
    expect(await child.exit).toEqual([0, null])
    expect(child.lines).toContain('state closed')
  })

  test('before the server listens does not keep the server from answering requests during the drain', async () => {
    const child = new Child({ listenLater: true, options: { settle: { min: 2000 } } })
    await child.line(/^not listening yet/)
    child.signal('SIGTERM')
    await child.line(/^state draining/)
    child.tell('listen')
    await child.listening()
    const client = await hold(child)
    expect((await ask(child.port, '/readyz')).status).toBe(503)
    child.tell('answer')
    await client.end()
    expect(client.received).toMatch(whole)
    expect(await child.exit).toEqual([0, null])
  })
})

describe('other signals', () => {
  test('SIGINT does not wait for load balancers, but for requests in flight', async () => {
    const child = await Child.start({ options: { terminationGracePeriodSeconds: 90, settle: { min: 80_000 } } })
    const client = await hold(child)
    child.signal('SIGINT')
    await child.line(/^podrain: draining because of SIGINT/)
    child.tell('answer')
    await client.end()
    expect(client.received).toMatch(whole)
    expect(await child.exit).toEqual([0, null])
    expect((await reportOf(child)).settleMs).toBeLessThan(80_000)
  })

  test('SIGHUP does not drain by default', async () => {
    const child = await Child.start()
    child.signal('SIGHUP')
    expect(await child.exit).toEqual([null, 'SIGHUP'])
    expect(child.lines).not.toContain('state draining')
  })

  test('SIGHUP drains when it is in the list', async () => {
    const child = await Child.start({ options: { signals: ['SIGHUP'] } })
    child.signal('SIGHUP')
    expect(await child.exit).toEqual([0, null])
    expect(await reportOf(child)).toMatchObject({ reason: 'SIGHUP', clean: true })
  })

  test('SIGTERM does not drain if the list does not have it', async () => {
    const child = await Child.start({ options: { signals: ['SIGHUP'] } })
    child.signal('SIGTERM')
    expect(await child.exit).toEqual([null, 'SIGTERM'])
  })

  test('no signal drains with signals: false', async () => {
    const child = await Child.start({ options: { signals: false } })
    expect(child.lines).toContain('listeners 0 0')
    child.signal('SIGTERM')
    expect(await child.exit).toEqual([null, 'SIGTERM'])
    expect(child.lines).not.toContain('state draining')
  })
})

describe('a second signal', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)('at once counts as the same signal: %s', async (signal) => {
    const child = await Child.start()
    const client = await hold(child)
    child.signal(signal)
    await child.line(/^state draining/)
    child.signal(signal)
    // Responses show that the child has gone on.
    for (let count = 0; count < 5; count++) expect((await ask(child.port)).body).toBe('ok')
    child.tell('answer')
    await client.end()
    expect(client.received).toMatch(whole)
    expect(await child.exit).toEqual([0, null])
  })

  test('some time later exits with 1 and says what was open', async () => {
    const child = await Child.start()
    const client = await hold(child)
    child.signal('SIGTERM')
    await child.line(/^some time later/)
    child.signal('SIGTERM')
    expect(await child.exit).toEqual([1, null])
    await client.end()
    expect(client.received).not.toMatch(whole)
    expect(child.lines).toContainEqual(
      expect.stringMatching(
        /^podrain: second SIGTERM, exiting now: draining for \d+\.\d s, 1 in flight, oldest GET \/hold \(\d+\.\d s\), /,
      ),
    )
  })

  test('of another kind some time later forces the exit, too', async () => {
    const child = await Child.start()
    await hold(child)
    child.signal('SIGTERM')
    await child.line(/^some time later/)
    child.signal('SIGINT')
    expect(await child.exit).toEqual([1, null])
    expect(child.lines).toContainEqual(expect.stringMatching(/^podrain: second SIGINT, exiting now/))
  })
})

describe('an error that was not caught', () => {
  test.each([
    ['an exception', '/throw'],
    ['a rejection', '/reject'],
  ])('(%s) lets the requests in flight be answered, and exits with 1', async (_name, path) => {
    const child = await Child.start({ options: { terminationGracePeriodSeconds: 90, settle: { min: 80_000 } } })
    const client = await hold(child)
    const culprit = await Client.open(child.port)
    culprit.get(path)
    await child.line(/^podrain: uncaught: Error: boom/)
    culprit.abort()
    await child.line(/^podrain: draining because of an uncaught error/)
    child.tell('answer')
    await client.end()
    expect(client.received).toMatch(whole)
    expect(await child.exit).toEqual([1, null])
    expect(await reportOf(child)).toMatchObject({ reason: 'an uncaught error', cut: [], clean: false })
    expect(child.lines).toContain('close hooks')
  })

  test.each([
    ['an exception', '/throw'],
    ['a rejection', '/reject'],
  ])('(%s) during a drain does not cut other requests, and exits with 1', async (_name, path) => {
    const child = await Child.start()
    const client = await hold(child)
    child.signal('SIGTERM')
    await child.line(/^state draining/)
    for (let count = 0; count < 2; count++) {
      const culprit = await Client.open(child.port)
      culprit.get(path)
      await expect.poll(() => child.lines.filter((line) => /uncaught: Error: boom/.test(line)).length).toBe(count + 1)
      culprit.abort()
    }
    child.tell('answer')
    await client.end()
    expect(client.received).toMatch(whole)
    expect(await child.exit).toEqual([1, null])
    expect(await reportOf(child)).toMatchObject({ reason: 'SIGTERM', cut: [], clean: false })
  })

  test('is joined by the first SIGTERM, however late, and only a second one forces the exit', async () => {
    const child = await Child.start({ options: { terminationGracePeriodSeconds: 90 } })
    const client = await hold(child)
    const culprit = await Client.open(child.port)
    culprit.get('/throw')
    await child.line(/^some time later/)
    culprit.abort()
    child.signal('SIGTERM')
    child.tell('answer')
    await client.end()
    expect(client.received).toMatch(whole)
    expect(await child.exit).toEqual([1, null])
    expect(await reportOf(child)).toMatchObject({ reason: 'an uncaught error', cut: [] })
  })

  test('is left to the application with errors: false', async () => {
    const child = await Child.start({ options: { errors: false }, ownErrorHandler: true })
    expect(child.lines).toContain('listeners 2 1')
    const culprit = await Client.open(child.port)
    culprit.get('/throw')
    await child.line(/^the application saw boom/)
    culprit.abort()
    expect((await ask(child.port, '/readyz')).status).toBe(200)
    child.signal('SIGTERM')
    expect(await child.exit).toEqual([0, null])
  })

  test('ends the process as without podrain, with errors: false and no handler', async () => {
    const child = await Child.start({ options: { errors: false } })
    const culprit = await Client.open(child.port)
    culprit.get('/throw')
    expect(await child.exit).toEqual([1, null])
    expect(child.lines).not.toContain('state draining')
  })
})

describe('several drains in one process', () => {
  test('all finish before the process exits', async () => {
    const child = await Child.start({ servers: 2 })
    const [first, second] = (await child.line(/^listening/)).split(' ').slice(1).map(Number)
    if (first === undefined || second === undefined) throw new Error('expected two ports')
    expect(child.lines).toContain('listeners 2 1')
    const client = await hold(child, second)
    child.signal('SIGTERM')
    // The first drain has nothing to wait for, and is over.
    await child.line(/^state closed/)
    expect((await ask(second)).body).toBe('ok')
    child.tell('answer')
    await client.end()
    expect(client.received).toMatch(whole)
    expect(await child.exit).toEqual([0, null])
    expect(child.lines.filter((line) => line === 'state closed')).toHaveLength(2)
  })
})

describe('the process exits with 1 before SIGKILL, if something never ends:', () => {
  // The drain is over after 1.5 s, long before SIGKILL, so that a busy machine changes nothing.
  const options = { terminationGracePeriodSeconds: 30, reserve: 28_500 }

  test('an onClose hook', async () => {
    const child = await Child.start({ options, hang: 'hook' })
    expect(await terminate(child, 'SIGTERM', 30_000)).toEqual([1, null])
    expect(child.lines).toContain('close hooks')
    expect(child.lines).toContainEqual(expect.stringMatching(/^podrain: drained in .*; hooks: pool timed out$/))
  })

  test('an onDrain hook', async () => {
    const child = await Child.start({ options, hang: 'onDrain' })
    expect(await terminate(child, 'SIGTERM', 30_000)).toEqual([1, null])
    expect(child.lines).toContainEqual(expect.stringMatching(/hooks: registry timed out$/))
  })

  test('a request', async () => {
    const child = await Child.start({ options })
    const client = await hold(child)
    expect(await terminate(child, 'SIGTERM', 30_000)).toEqual([1, null])
    await client.end()
    expect(await reportOf(child)).toMatchObject({ clean: false, cut: [{ method: 'GET', path: '/hold' }] })
    expect(child.lines).toContainEqual(expect.stringMatching(/cut 1 in flight: GET \/hold \(\d+\.\d s\)$/))
    expect(child.lines.join('\n')).not.toContain('secret')
  })

  test('a task', async () => {
    const child = await Child.start({ options, hang: 'task' })
    expect(await terminate(child, 'SIGTERM', 30_000)).toEqual([1, null])
    expect(child.lines).toContainEqual(expect.stringMatching(/left unfinished: mail$/))
  })

  test('a request, when the signal comes after the preStop hook gave up', async () => {
    const child = await Child.start({ options: { terminationGracePeriodSeconds: 90 } })
    await hold(child)
    const hook = ask(child.port, '/prestop', { headers: { 'user-agent': 'kube-lifecycle/1.33' } }).catch(() => {})
    await child.line(/^state draining/)
    // The kubelet leaves 2 s then. SIGKILL comes later here, for a busy machine, but long before the 90 s.
    expect(await terminate(child, 'SIGTERM', 30_000)).toEqual([1, null])
    await hook
    expect(await reportOf(child)).toMatchObject({ cut: [{ path: '/hold' }] })
  })
})

describe('SIGTERM with a middleware only', () => {
  async function ended(requests: number): Promise<string[]> {
    const child = new Child({}, 'middleware.mjs')
    await child.listening()
    for (let sent = 0; sent < requests; sent++) await ask(child.port)
    child.signal('SIGTERM')
    expect(await child.exit).toEqual([0, null])
    return child.lines.filter((line) => line.includes('knows no server'))
  }

  test('before the first request logs that no server is known, and how to pass one', async () => {
    expect(await ended(0)).toEqual([expect.stringMatching(/^podrain: no request has reached .*`watch\(server\)`/)])
  })

  test('does not log that after a request', async () => {
    expect(await ended(1)).toEqual([])
  })

  test('cuts a request that never reached it, and exits with 1 and a report that says so', async () => {
    const child = new Child({}, 'middleware.mjs')
    await child.listening()
    const client = await Client.open(child.port)
    client.get('/behind')
    await child.line(/^behind/)
    child.signal('SIGTERM')
    expect(await child.exit).toEqual([1, null])
    await client.end()
    expect(client.received).toBe('')
    expect(child.lines.filter((line) => line.includes('nothing cut'))).toEqual([])
  })
})
