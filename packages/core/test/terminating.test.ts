import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { SettleVerdict } from '../src/index.js'
import { ask, type Bare, FakeClock, pod, sayOk, serve } from './support.js'

/** Lets time pass until the drain closes. Returns how long that took. */
function untilClosing({ drain, clock }: Bare): number {
  const begun = clock.now()
  while (drain.state === 'draining' && clock.now() < begun + 200_000) clock.advance(10)
  return clock.now() - begun
}

describe('a pod after terminating()', () => {
  test('drains tentatively, and closes only with a signal', async () => {
    const one = pod()
    one.drain.terminating({ gracePeriod: 30_000 })
    expect(one.drain.state).toBe('draining')
    expect(one.drain.committed).toBe(false)
    expect(one.log.matching(/because of the deletion of the pod/)).toHaveLength(1)
    one.clock.advance(20_000)
    expect(one.drain.state).toBe('draining')
    const exit = one.process.signal('SIGTERM')
    expect(one.drain.state).toBe('closing')
    expect(await one.clock.through(exit)).toBe(true)
  })

  test('logs its real time in the first line', () => {
    const one = pod()
    one.drain.terminating({ gracePeriod: 12_000, ago: 2000 })
    expect(one.log.matching(/because of the deletion of the pod: .*, 9\.0 s of budget left/)).toHaveLength(1)
  })

  test.each([
    ['more time than the options say', 60_000, 60_000 - 1000, 60_000 - 1000 - 5000],
    ['less', 20_000, 20_000 - 1000, 20_000 - 1000 - 4000],
    ['very little, of which a fifth is for closing and as much in reserve', 4000, 3200, 2400],
    ['none: what the kubelet leaves in any case', 0, 1600, 1200],
  ])('has %s', async (_, gracePeriod, budgetMs, cut) => {
    const one = pod()
    one.drain.waitUntil(new Promise(() => {}))
    one.drain.terminating({ gracePeriod })
    expect(one.drain.status().budgetMs).toBe(budgetMs)
    void one.process.signal('SIGTERM')
    expect(untilClosing(one)).toBe(cut)
    await one.clock.through(one.drain.start())
  })

  test('has less time by `ago`', () => {
    const one = pod()
    one.drain.terminating({ gracePeriod: 30_000, ago: 8000 })
    expect(one.drain.status().budgetMs).toBe(30_000 - 8000 - 1000)
  })

  test('waits for load balancers from the call on, because they may have learned of the deletion as late', async () => {
    const one = pod({ settle: { min: 5000, quiet: 1000 } })
    one.drain.terminating({ gracePeriod: 30_000, ago: 8000 })
    void one.process.signal('SIGTERM')
    expect(untilClosing(one)).toBe(5000)
    await one.clock.through(one.drain.start())
  })

  test('whose hook came first has the real time from the hook on', () => {
    const one = pod()
    void one.drain.prestop()
    one.clock.advance(2000)
    one.drain.terminating({ gracePeriod: 60_000 })
    expect(one.drain.status().budgetMs).toBe(60_000 - 2000 - 1000)
  })

  test('is cut at the same time even if the call comes late: closing keeps its share', async () => {
    const one = pod({ terminationGracePeriodSeconds: 15 })
    one.drain.waitUntil(new Promise(() => {}))
    void one.process.signal('SIGTERM')
    one.clock.advance(10_000)
    one.drain.terminating({ gracePeriod: 15_000, ago: 10_000 })
    expect(untilClosing(one)).toBe(15_000 - 1000 - 3000 - 10_000)
    await one.clock.through(one.drain.start())
  })

  test('never gets more time by a later call, only less', () => {
    const one = pod()
    one.drain.terminating({ gracePeriod: 30_000 })
    one.drain.terminating({ gracePeriod: 60_000 })
    expect(one.drain.status().budgetMs).toBe(29_000)
    one.drain.terminating({ gracePeriod: 10_000 })
    expect(one.drain.status().budgetMs).toBe(9000)
  })

  test('whose hook is pending at the signal has only `lastMoment`', async () => {
    const one = pod()
    one.drain.waitUntil(new Promise(() => {}))
    void one.drain.prestop()
    void one.process.signal('SIGTERM')
    one.drain.terminating({ gracePeriod: 60_000 })
    expect(one.drain.status().budgetMs).toBeLessThanOrEqual(1500)
    await one.clock.through(one.drain.start())
  })

  test('without a signal serves again when its real time is over, not sooner', () => {
    const one = pod()
    one.drain.terminating({ gracePeriod: 60_000 })
    one.clock.advance(59_000)
    expect(one.drain.state).toBe('draining')
    one.clock.advance(1100)
    expect(one.drain.state).toBe('serving')
    expect(one.log.matching(/no signal followed the deletion of the pod within the grace period/)).toHaveLength(1)
  })

  test('whose time is already over has its requests cut at once', async () => {
    const one = pod()
    one.drain.waitUntil(new Promise(() => {}))
    void one.process.signal('SIGTERM')
    one.clock.advance(10_030)
    one.drain.terminating({ gracePeriod: 12_000 })
    expect(one.drain.state).toBe('closing')
    await one.clock.through(one.drain.start())
  })

  test('the options object may change later without effect', () => {
    const one = pod({ settle: { min: 500, quiet: 0 }, keepAliveCap: 0 })
    void one.process.signal('SIGTERM')
    one.clock.advance(80)
    one.drain.terminating({ gracePeriod: 30_000 })
    one.clock.advance(420)
    expect(one.drain.state).toBe('closing') // as without it
  })

  test('has no effect after the end', async () => {
    const one = pod()
    await one.drain.dispose()
    one.drain.terminating({ gracePeriod: 30_000 })
    expect(one.drain.state).toBe('closed')
    const other = pod()
    await other.clock.through(other.process.signal('SIGTERM'))
    const status = other.drain.status()
    other.drain.terminating({ gracePeriod: 5000 })
    expect(other.drain.status()).toEqual(status)
  })

  test.each([{ gracePeriod: -1 }, { gracePeriod: Number.NaN }, { gracePeriod: 1, ago: -1 }])(
    '%j is refused',
    (options) => {
      expect(() => pod().drain.terminating(options)).toThrow(RangeError)
    },
  )
})

describe('the wait for load balancers with settledWhen()', () => {
  const options = { settle: { min: 5000, quiet: 1000 }, keepAliveCap: 0 }

  async function serveByClock(): Promise<Awaited<ReturnType<typeof serve>> & { clock: FakeClock }> {
    const clock = new FakeClock()
    const times = { terminationGracePeriodSeconds: 30, closing: 5000, reserve: 1000 }
    return { ...(await serve(sayOk, { ...options, ...times, clock })), clock }
  }

  test.each<[string, SettleVerdict[], number]>([
    ['nothing', [], 5000],
    ['that they have stopped', [true], 1000],
    ['that they have not', [false], 10_000],
    ['nothing at present', [undefined], 5000],
    ['of several kinds, one of which has not', [true, undefined, false], 10_000],
    ['of several kinds, one of which is not known', [true, undefined], 5000],
    ['that they will soon', ['soon'], 5000],
    ['of several kinds, one of which will soon', [true, 'soon'], 5000],
    ['of several kinds, one of which will soon and one of which has not', ['soon', false], 10_000],
  ])('%s', async (_, words, wait) => {
    const one = pod(options)
    for (const word of words) one.drain.settledWhen(() => word)
    void one.process.signal('SIGTERM')
    expect(untilClosing(one)).toBe(wait)
    await one.clock.through(one.drain.start())
  })

  test('ends when they have stopped and `quiet` is over, and a late request is answered and waited for', async () => {
    const { drain, port, clock } = await serveByClock()
    let gone = false
    drain.settledWhen(() => gone)
    void drain.start()
    clock.advance(6000)
    expect((await ask(port)).body).toBe('ok')
    gone = true
    clock.advance(900)
    expect(drain.state).toBe('draining')
    clock.advance(200)
    expect(drain.state).toBe('closing')
    await clock.through(drain.start())
  })

  test.each([true, 'soon'] as const)(
    'when they stop (%s), every response leads its client away, and after a drain that was undone it is as ever',
    async (stopped) => {
      const { drain, port, clock } = await serveByClock()
      let gone: true | 'soon' | undefined = stopped
      drain.settledWhen(() => gone)
      const led = async (): Promise<boolean> => (await ask(port)).headers.connection === 'close'
      void drain.prestop()
      expect(await led()).toBe(true)
      clock.advance(31_000) // no signal followed
      expect(drain.state).toBe('serving')
      expect(await led()).toBe(false)
      gone = undefined
      void drain.prestop()
      clock.advance(100)
      const random = vi.spyOn(Math, 'random').mockReturnValue(0.5) // half of the ramp has not passed
      onTestFinished(() => random.mockRestore())
      expect(await led()).toBe(false)
      gone = stopped
      clock.advance(100)
      expect(await led()).toBe(true)
      await clock.through(drain.start())
    },
  )

  test('is over at `settle.max`, and at the cut in any case', async () => {
    for (const [max, wait] of [
      [7000, 7000],
      [60_000, 24_000],
    ] as const) {
      const one = pod({ settle: { ...options.settle, max } })
      one.drain.settledWhen(() => false)
      void one.process.signal('SIGTERM')
      expect(untilClosing(one)).toBe(wait)
      await one.clock.through(one.drain.start())
    }
  })

  test('is as without a condition after the condition was removed, or has failed', async () => {
    const one = pod(options)
    one.drain.settledWhen(() => false)()
    one.drain.settledWhen(() => {
      throw new Error('no idea')
    })
    void one.process.signal('SIGTERM')
    expect(untilClosing(one)).toBe(5000)
    expect(one.log.matching(/a condition of settledWhen\(\) failed: Error: no idea/)).toHaveLength(1)
    await one.clock.through(one.drain.start())
  })

  test('a condition that is not a function is refused', () => {
    // @ts-expect-error a boolean
    expect(() => pod().drain.settledWhen(true)).toThrow('settledWhen() expected a function, got `true`')
  })
})

test('`times` shows the shares of the grace period, with the defaults', () => {
  expect(pod({ behind: 'envoy' }).drain.times).toEqual({
    gracePeriod: 30_000,
    reserve: 1000,
    closing: 5000,
    behind: 'envoy',
    settle: { min: 5000, quiet: 1000, max: 10_000, explicit: false },
  })
  expect(pod({ settle: { min: 3000 } }).drain.times.settle).toEqual({
    min: 3000,
    quiet: 1000,
    max: 6000,
    explicit: true,
  })
})
