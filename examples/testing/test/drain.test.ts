import { type Clock, Drain } from '@podrain/core'
import { afterEach, expect, test, vi } from 'vitest'

afterEach(() => void vi.useRealTimers())

test('a running job finishes before the pool is closed', async () => {
  vi.useFakeTimers()
  const done: string[] = []
  // With `behind` the drain waits as in a cluster. Without `behind` a drain in a test does not wait for load balancers.
  const drain = new Drain({ behind: 'kube-proxy', signals: false, logger: false })
  drain.onClose(() => done.push('pool closed'))
  const job = new Promise((resolve) => setTimeout(resolve, 12_000)).then(() => done.push('job done'))
  drain.waitUntil(job, { name: 'job' })

  const drained = drain.start({ reason: 'test' }) // as SIGTERM does
  await vi.advanceTimersByTimeAsync(5000)
  expect(drain.state).toBe('draining')
  await vi.advanceTimersByTimeAsync(10_000)
  expect(await drained).toMatchObject({ clean: true })
  expect(done).toEqual(['job done', 'pool closed'])
})

/** A clock whose time passes only by `pass()`. For runners such as node:test, whose fake timers do not replace `performance.now()`. */
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
      await null // runs the callbacks of resolved promises
    }
  }
}

test('a consumer stops when the drain begins, and the drain is clean after 6 s', async () => {
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
