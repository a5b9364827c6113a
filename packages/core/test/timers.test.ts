import { describe, expect, test, vi } from 'vitest'
import { systemClock, timedOut, until, within } from '../src/shared/clock.js'
import { gate } from './support.js'

/** A clock whose timers the test calls, and that records their times. */
function handClock() {
  const timers: { ms: number; fn: () => void; hold: boolean | undefined; cancelled: boolean }[] = []
  return {
    timers,
    now: () => 0,
    after(ms: number, fn: () => void, hold?: boolean) {
      const timer = { ms, fn, hold, cancelled: false }
      timers.push(timer)
      return () => {
        timer.cancelled = true
      }
    },
  }
}

describe('a timer of the process', () => {
  test.each([
    [undefined, false],
    [false, false],
    [true, true],
  ])('with hold %s keeps the process alive: %s', (hold, keeps) => {
    const timers = vi.spyOn(globalThis, 'setTimeout')
    const cancelled = vi.spyOn(globalThis, 'clearTimeout')
    const cancel = systemClock.after(60_000, () => {}, hold)
    const timer = timers.mock.results[0]?.value as NodeJS.Timeout
    expect(timer.hasRef()).toBe(keeps)
    cancel()
    expect(cancelled).toHaveBeenCalledWith(timer)
  })

  test('that is longer than Node can wait does not fire at once', async () => {
    const called = vi.fn()
    const cancel = systemClock.after(2 ** 40, called)
    await new Promise((resolve) => setTimeout(resolve, 5)) // timers call in their order, and Node would make 1 ms of it
    expect(called).not.toHaveBeenCalled()
    cancel()
  })

  test('fires when its time has come', async () => {
    const called = gate()
    const before = systemClock.now()
    systemClock.after(20, () => called.open(), true)
    await called.opened
    expect(systemClock.now() - before).toBeGreaterThanOrEqual(19)
  })
})

describe('within()', () => {
  test('keeps the process alive until the time is over, and leaves no timer when the work ends before', async () => {
    const clock = handClock()
    expect(await within(clock, 50, Promise.resolve('done'))).toBe('done')
    expect(clock.timers).toMatchObject([{ ms: 50, hold: true, cancelled: true }])
  })

  test('leaves no timer when the work fails', async () => {
    const clock = handClock()
    await expect(within(clock, 50, Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(clock.timers).toMatchObject([{ cancelled: true }])
  })

  test('with a negative time is over at once', async () => {
    const clock = handClock()
    const answer = within(clock, -5, new Promise(() => {}))
    expect(clock.timers).toMatchObject([{ ms: 0 }])
    clock.timers[0]?.fn()
    expect(await answer).toBe(timedOut)
  })
})

describe('until()', () => {
  test('ends exactly when no time is left', async () => {
    const clock = handClock()
    await until(
      clock,
      () => 10,
      () => 0,
      () => false,
    )
    expect(clock.timers).toEqual([])
  })

  test('checks again after the interval, or after the rest of the time, and keeps the process alive', async () => {
    const clock = handClock()
    let left = 15
    const over = until(
      clock,
      () => 10,
      () => left,
      () => false,
    )
    for (const rest of [5, 0]) {
      await expect.poll(() => clock.timers.length, { interval: 1 }).toBe(rest === 5 ? 1 : 2)
      left = rest
      clock.timers.at(-1)?.fn()
    }
    await over
    expect(clock.timers).toMatchObject([
      { ms: 10, hold: true },
      { ms: 5, hold: true },
    ])
  })
})
