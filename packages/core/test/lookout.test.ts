import { getEventListeners } from 'node:events'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Drain, type DrainOptions } from '../src/index.js'
import { ask, Client, FakeClock, FakeProcess, gate, Log, type Pod, sayOk, serve, slow, turns } from './support.js'

async function start(options: object = {}): Promise<Pod & { clock: FakeClock }> {
  const clock = new FakeClock()
  return { ...(await serve(sayOk, { ...slow, clock, ...options })), clock }
}

describe('after the event loop was blocked, the drain', () => {
  test('does not end at once: it checks again 20 ms later, when requests from the meantime have been read', async () => {
    const { drain, clock } = await start()
    void drain.start()
    clock.stall(5000)
    expect(drain.state).toBe('draining')
    clock.advance(19)
    expect(drain.state).toBe('draining')
    clock.advance(1)
    expect(drain.state).toBe('closing')
    await clock.through(drain.start())
  })

  test('answers these requests, and waits for quiet again', async () => {
    const { drain, clock, port } = await start()
    void drain.start()
    clock.stall(5000)
    expect((await ask(port)).body).toBe('ok')
    clock.advance(490)
    expect(drain.state).toBe('draining')
    clock.advance(110)
    expect(drain.state).toBe('closing')
    expect(await clock.through(drain.start())).toMatchObject({ answered: 1 })
  })

  test('checks every 100 ms again when its checks are no longer late', async () => {
    const { drain, clock } = await start()
    drain.waitUntil(new Promise(() => {}), { name: 'mail' })
    void drain.start()
    clock.stall(22_850)
    clock.advance(20) // in time
    clock.advance(1199)
    expect(drain.state).toBe('draining')
    clock.advance(1)
    expect(drain.state).toBe('closing')
    await clock.through(drain.start())
  })

  test('ends if no time is left', async () => {
    const { drain, clock } = await start()
    void drain.start()
    clock.stall(24_000)
    expect(drain.state).toBe('closing')
    await clock.through(drain.start())
  })

  test('is not affected by a check that is late by one interval', async () => {
    const { drain, clock } = await start({ settle: { min: 150, quiet: 0 } })
    void drain.start()
    clock.stall(200)
    expect(drain.state).toBe('closing')
    await clock.through(drain.start())
  })

  test('does not count its first check as late', async () => {
    const { drain, clock } = await start({ settle: { min: 0, quiet: 0 } })
    clock.advance(60_000)
    void drain.start()
    expect(drain.state).toBe('closing') // the fake clock does not move
    await clock.through(drain.start())
  })
})

describe('while it waits', () => {
  test('a tentative drain does not keep the process alive, a committed one does', async () => {
    const held: (boolean | undefined)[] = []
    const clock = new FakeClock()
    const asked = {
      now: () => clock.now(),
      after(ms: number, fn: () => void, hold?: boolean) {
        held.push(hold)
        return clock.after(ms, fn)
      },
    }
    const drain = new Drain({ ...slow, clock: asked, signals: false, logger: false })
    void drain.prestop()
    clock.advance(300)
    expect(new Set(held)).toEqual(new Set([false]))
    held.length = 0
    void drain.start()
    clock.advance(300)
    expect(new Set(held)).toEqual(new Set([true]))
    await clock.through(drain.start())
  })

  test('the end of the last task causes a check at once', async () => {
    const { drain, clock } = await start()
    const [one, two] = [gate(), gate()]
    drain.waitUntil(one.opened)
    drain.waitUntil(two.opened)
    void drain.start()
    clock.advance(5000)
    one.open()
    await turns(3)
    expect(drain.state).toBe('draining')
    two.open()
    await turns(3)
    expect(drain.state).toBe('closing') // the fake clock does not move
    await clock.through(drain.start())
  })

  test('the end of the last request causes a check at once, even if it was cancelled', async () => {
    const clock = new FakeClock()
    const { drain, port } = await serve(() => {}, { ...slow, clock })
    const client = await Client.open(port)
    client.get('/')
    await expect.poll(() => drain.inFlight).toBe(1)
    void drain.start()
    clock.advance(5000)
    client.abort()
    await expect.poll(() => drain.state).not.toBe('draining') // the fake clock does not move
    await clock.through(drain.start())
  })

  test('a line comes one interval after the beginning, also of a drain that follows another', async () => {
    const { drain, clock, log } = await start({ progress: 2000 })
    drain.waitUntil(new Promise(() => {}), { name: 'mail' })
    const lines = (): number => log.matching(/draining for/).length
    for (const before of [0, 15]) {
      void drain.prestop()
      const begun = lines()
      clock.advance(1900)
      expect(lines()).toBe(begun)
      clock.advance(100)
      expect(lines()).toBe(begun + 1)
      clock.advance(28_000)
      expect(drain.state).toBe('serving')
      expect(lines()).toBeGreaterThan(before)
      clock.advance(5000)
    }
  })

  test('it serves again when the grace period is over, not one check later', async () => {
    const { drain, clock } = await start()
    void drain.prestop()
    clock.advance(29_999)
    expect(drain.state).toBe('draining')
    clock.advance(1)
    expect(drain.state).toBe('serving')
  })
})

describe('what the application may listen to', () => {
  test('any number of streams may listen to the signals', async () => {
    const { drain } = await start()
    const warnings: unknown[] = []
    const warned = (warning: unknown): void => void warnings.push(warning)
    process.on('warning', warned)
    onTestFinished(() => void process.off('warning', warned))
    for (const signal of [drain.signal, drain.lastCall]) {
      for (let count = 0; count < 20; count++) signal.addEventListener('abort', () => {})
      expect(getEventListeners(signal, 'abort')).toHaveLength(20)
    }
    await turns()
    expect(warnings).toEqual([])
  })

  test('the last call comes with the closing at the latest', async () => {
    const { drain, clock } = await start()
    void drain.start()
    clock.advance(900)
    expect(drain.lastCall.aborted).toBe(false)
    clock.advance(100)
    expect(drain.state).toBe('closing')
    expect(drain.lastCall.aborted).toBe(true)
    await clock.through(drain.start())
  })
})

describe('a task', () => {
  test.each([
    [null, 'object'],
    [undefined, 'undefined'],
    [5, 'number'],
  ])('%s is refused with its name', async (value, got) => {
    const { drain } = await start()
    expect(() => drain.waitUntil(value as never)).toThrow(`waitUntil() expected a promise for task "task", got ${got}`)
  })

  test('may have a timeout of 0, and one that no timer can wait for', async () => {
    const { drain, log } = await serve(sayOk)
    drain.waitUntil(new Promise(() => {}), { name: 'never', timeout: 2 ** 31 })
    drain.waitUntil(new Promise(() => {}), { name: 'at once', timeout: 0 })
    await expect.poll(() => log.matching(/did not end within 0 ms; it is not waited for any more$/)).toHaveLength(1)
    expect(drain.status().tasks).toEqual(['never'])
  })

  test('that ends in time is not logged as late afterwards', async () => {
    const { drain, clock, log } = await start()
    const [well, ill] = [gate(), gate()]
    drain.waitUntil(well.opened, { timeout: 1000 })
    drain.waitUntil(
      ill.opened.then(() => Promise.reject('no mailbox')),
      { name: 'mail', timeout: 1000 },
    )
    well.open()
    ill.open()
    await turns(3)
    clock.advance(5000)
    expect(log.matching(/^error/)).toEqual(['error podrain: task "mail" failed: \'no mailbox\''])
    expect(drain.status().tasks).toEqual([])
  })
})

describe('a second signal', () => {
  function ending(options: DrainOptions = {}) {
    const [log, process, clock] = [new Log(), new FakeProcess(), new FakeClock()]
    const drain = new Drain({ ...slow, process, clock, logger: log, ...options })
    const [listener] = process.listeners
    if (!listener) throw new Error('it does not listen')
    return { log, process, clock, drain, listener }
  }

  test('is logged with what was open', async () => {
    const { listener, drain, clock, log } = ending()
    drain.waitUntil(new Promise(() => {}), { name: 'mail' })
    const exit = listener.end({ signal: 'SIGTERM' })
    clock.advance(1200)
    listener.again({ signal: 'SIGINT' })
    expect(log.matching(/^error/)).toEqual([
      'error podrain: second SIGINT, exiting now: draining for 1.2 s, 0 in flight, tasks: mail, 27.8 s of budget left',
    ])
    clock.advance(20_000)
    expect(await clock.through(exit)).toBe(false)
  })

  test('and warnings about signals go to the drain’s logger', async () => {
    const { listener, drain, log } = ending({ signals: ['SIGHUP'], errors: false })
    expect(listener).toMatchObject({ signals: ['SIGHUP'], errors: false })
    listener.warn?.('process 1 is a shell')
    expect(log.lines).toEqual(['warn podrain: process 1 is a shell'])
    await drain.dispose()
  })
})

test('the log line of a second signal during the closing says what is open, and no longer what it waits for', async () => {
  const [log, process, clock] = [new Log(), new FakeProcess(), new FakeClock()]
  const drain = new Drain({ ...slow, process, clock, logger: log })
  drain.onClose(() => new Promise(() => {}), { name: 'pool' })
  const [listener] = process.listeners
  if (!listener) throw new Error('it does not listen')
  const exit = listener.end({ signal: 'SIGTERM' })
  for (let passed = 0; drain.state !== 'closing' && passed < 2000; passed += 100) {
    clock.advance(100)
    await turns(1)
  }
  listener.again({ signal: 'SIGTERM' })
  expect(log.matching(/^error .*second SIGTERM/)).toEqual([
    expect.stringMatching(/exiting now: closing for \d\.\d s, 0 in flight, \d+\.\d s of budget left$/),
  ])
  await clock.through(exit)
})
