import { describe, expect, test, vi } from 'vitest'
import { inTurns, RoughClock, systemClock, withFallback } from '../src/shared/clock.js'
import { FakeClock, turns } from './support.js'

/** Counts its timers. */
class CountingClock extends FakeClock {
  timers = 0
  override after(ms: number, fn: () => void): () => void {
    this.timers++
    return super.after(ms, fn)
  }
}

describe('the time of requests while serving', () => {
  test('is at most 100 ms old, however often requests come', () => {
    const clock = new FakeClock()
    const rough = new RoughClock(clock)
    for (const pause of [0, 1, 30, 50, 99, 100, 101, 149, 200, 1000, 7, 60_000, 99, 2, 0]) {
      clock.advance(pause)
      const age = clock.now() - rough.now()
      expect(age).toBeGreaterThanOrEqual(0)
      expect(age).toBeLessThanOrEqual(100)
    }
  })

  test('costs one timer for all requests within 100 ms, and none without requests', () => {
    const clock = new CountingClock()
    const rough = new RoughClock(clock)
    clock.advance(60_000)
    expect(clock.timers).toBe(0)
    for (let request = 0; request < 1000; request++) {
      rough.now()
      clock.advance(1)
    }
    expect(clock.timers).toBeLessThanOrEqual(11)
    clock.advance(200)
    const stopped = clock.timers
    clock.advance(60_000)
    expect(clock.timers).toBe(stopped)
  })
})

describe('a clock that returns no time', () => {
  test.each([Number.NaN, Number.POSITIVE_INFINITY, undefined])(
    '(%s) is replaced by the clock of the process',
    (read) => {
      let time: unknown = 1000
      const clock = withFallback({ now: () => time as number, after: () => () => {} })
      expect(clock.now()).toBe(1000)
      time = read
      expect(clock.now()).toBeGreaterThanOrEqual(1000)
      time = 1_000_000
      expect(clock.now()).toBeLessThan(1_000_000)
    },
  )

  /** A clock of the application, wrapped as a drain does, and the clock of the process. The test sets both. */
  function clocks() {
    const time = { process: 50_000, given: 1000 }
    vi.spyOn(performance, 'now').mockImplementation(() => time.process)
    const given = {
      now: vi.fn(() => time.given),
      after: vi.fn((_ms: number, _fn: () => void, _hold?: boolean) => vi.fn()),
    }
    const timers = vi.spyOn(systemClock, 'after').mockReturnValue(() => {})
    return { time, given, timers, clock: withFallback(given) }
  }
  const fails = (): never => {
    throw new Error('odd')
  }

  test('goes on from its last time, as fast as the clock of the process', () => {
    const { time, given, clock } = clocks()
    expect(clock.now()).toBe(1000)
    given.now.mockImplementation(fails)
    expect(clock.now()).toBe(1000)
    time.process += 70
    expect(clock.now()).toBe(1070)
  })

  test('sets no more timers: they are set on the clock of the process', () => {
    const { given, timers, clock } = clocks()
    const fn = (): void => {}
    clock.after(5, fn, true)
    expect(given.after.mock.calls).toEqual([[5, fn, true]])
    expect(timers).not.toHaveBeenCalled()
    given.now.mockImplementation(fails)
    clock.now()
    clock.after(6, fn, true)
    expect(given.after).toHaveBeenCalledOnce()
    expect(timers.mock.calls).toEqual([[6, fn, true]])
  })

  test('or fails to set a timer is not read any more', () => {
    const { time, given, timers, clock } = clocks()
    const fn = (): void => {}
    given.after.mockImplementation(fails)
    time.given = 2000
    clock.after(5, fn, true)
    expect(timers.mock.calls).toEqual([[5, fn, true]])
    time.given = 9000
    time.process += 30
    expect(clock.now()).toBe(2030)
  })

  test('or fails to cancel a timer causes no error', () => {
    const { given, clock } = clocks()
    const cancel = vi.fn()
    given.after.mockReturnValue(cancel)
    clock.after(5, () => {})()
    expect(cancel).toHaveBeenCalledOnce()
    cancel.mockImplementation(fails)
    clock.after(5, () => {})()
    expect(cancel).toHaveBeenCalledTimes(2)
  })
})

describe('an action on very many connections', () => {
  const connections = Array.from({ length: 450 }, (_, number) => number)

  test('handles 200 of them in a row, and then lets other code run', async () => {
    const [done, seen] = [[] as number[], [] as number[]]
    let over = false
    const all = inTurns(connections, (each) => done.push(each)).then(() => {
      over = true
    })
    while (!over) {
      seen.push(done.length)
      await turns(1)
    }
    await all
    expect(seen).toEqual([200, 400])
    expect(done).toEqual(connections)
  })

  test('stops between two batches when no time is left', async () => {
    const done: number[] = []
    await inTurns(
      connections,
      (each) => done.push(each),
      () => done.length < 400,
    )
    expect(done).toEqual(connections.slice(0, 400))
  })

  test('handles all of them although some fail, and throws the first error', async () => {
    const done: number[] = []
    const all = inTurns(connections, (each) => {
      if (each % 100 === 7) throw new Error(`odd ${each}`)
      done.push(each)
    })
    await expect(all).rejects.toThrow('odd 7')
    expect(done).toHaveLength(445)
  })
})
