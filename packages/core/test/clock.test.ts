import { describe, expect, test } from 'vitest'
import { inTurns, lasting, RoughClock } from '../src/shared/clock.js'
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

  test('costs one timer for all requests of 100 ms, and none when there are none', () => {
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

describe('a clock that stops telling the time', () => {
  test.each([Number.NaN, Number.POSITIVE_INFINITY, undefined])('(%s) is replaced by that of the process', (read) => {
    let time: unknown = 1000
    const clock = lasting({ now: () => time as number, after: () => () => {} })
    expect(clock.now()).toBe(1000)
    time = read
    expect(clock.now()).toBeGreaterThanOrEqual(1000)
    time = 5000
    expect(clock.now()).toBeLessThan(5000)
  })
})

describe('what is done with very many connections', () => {
  const connections = Array.from({ length: 450 }, (_, number) => number)

  test('is done with 200 of them in a row, and then everybody else has a turn', async () => {
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

  test('stops between two portions when there is no time for more', async () => {
    const done: number[] = []
    await inTurns(
      connections,
      (each) => done.push(each),
      () => done.length < 400,
    )
    expect(done).toEqual(connections.slice(0, 400))
  })

  test('is done with all, though it fails with some, and the first failure is known', async () => {
    const done: number[] = []
    const all = inTurns(connections, (each) => {
      if (each % 100 === 7) throw new Error(`odd ${each}`)
      done.push(each)
    })
    await expect(all).rejects.toThrow('odd 7')
    expect(done).toHaveLength(445)
  })
})
