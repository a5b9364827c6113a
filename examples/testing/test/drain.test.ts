import { type Clock, Drain } from '@podrain/core'
import { afterEach, expect, test, vi } from 'vitest'

afterEach(() => void vi.useRealTimers())

test('a job in progress is finished before the pool is closed', async () => {
  vi.useFakeTimers()
  const done: string[] = []
  // `behind`: wait as in a cluster. Without it a drain in a test waits for no load balancer.
  const drain = new Drain({ behind: 'kube-proxy', signals: false, logger: false })
  drain.onClose(() => done.push('pool closed'))
  const job = new Promise((resolve) => setTimeout(resolve, 12_000)).then(() => done.push('job done'))
  drain.waitUntil(job, { name: 'job' })

  const drained = drain.start({ reason: 'test' }) // what SIGTERM does
  await vi.advanceTimersByTimeAsync(5000)
  expect(drain.state).toBe('draining')
  await vi.advanceTimersByTimeAsync(10_000)
  expect(await drained).toMatchObject({ clean: true })
  expect(done).toEqual(['job done', 'pool closed'])
})

/** Time that passes when a test says so, for a runner whose fake timers leave `performance.now()` alone, as node:test. */
class TestClock implements Clock {
  #now = 0
  readonly #timers = new Set<{ at: number; fn: () => void }>()

  now(): number {
    return this.#now
  }

  after(ms: number, fn: () => void): () => void {
    const timer = { at: this.#now + ms, fn }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  async pass(ms: number): Promise<void> {
    for (const end = this.#now + ms; this.#now < end; this.#now += 10) {
      for (const timer of this.#timers) {
        if (timer.at <= this.#now && this.#timers.delete(timer)) timer.fn()
      }
      await null // lets promises go on
    }
  }
}

test('consumers stop when the drain begins, and again nothing is left after 6 s', async () => {
  const clock = new TestClock()
  const drain = new Drain({ behind: 'kube-proxy', clock, signals: false, logger: false })
  let consuming = true
  drain.onDrain(() => {
    consuming = false
  })
  const drained = drain.start({ reason: 'test' })
  await clock.pass(100)
  expect([consuming, drain.state]).toEqual([false, 'draining'])
  await clock.pass(6000)
  expect(await drained).toMatchObject({ clean: true })
})
