import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { DrainReport } from '../src/index.js'
import { type Bare, pod } from './support.js'

const hour = 3_600_000

describe('vacate()', () => {
  test('makes the pod not ready, and lets a task finish that takes longer than the grace period', async () => {
    const { drain, clock } = pod()
    let finish = (): void => {}
    drain.waitUntil(
      new Promise<void>((resolve) => {
        finish = resolve
      }),
    )
    let isVacated = false
    void drain.vacate('an eviction').vacated.then(() => {
      isVacated = true
    })
    expect(drain.state).toBe('draining')
    expect(drain.signal.aborted).toBe(true)
    for (let seconds = 0; seconds < 3600; seconds++) clock.advance(1000)
    expect(drain.state).toBe('draining')
    expect(drain.lastCall.aborted).toBe(false)
    expect(isVacated).toBe(false)
    finish()
    await Promise.resolve()
    for (let seconds = 0; seconds < 10; seconds++) clock.advance(1000)
    await expect.poll(() => isVacated).toBe(true)
    expect(drain.state).toBe('draining')
  })

  test('is undone by undo(): the pod serves again', async () => {
    const { drain, clock, log } = pod()
    let resumed = 0
    drain.onResume(() => void resumed++)
    const { undo, vacated } = drain.vacate('an eviction')
    clock.advance(60_000)
    undo()
    expect(drain.state).toBe('serving')
    expect(drain.signal.aborted).toBe(false)
    await vacated
    await expect.poll(() => resumed).toBe(1)
    expect(log.matching(/an eviction is withdrawn: serving again/)).toHaveLength(1)
    clock.advance(hour)
    expect(drain.state).toBe('serving')
    undo()
    expect(drain.state).toBe('serving')
  })

  test.each<[string, (one: Bare) => unknown]>([
    ['the hook', ({ drain }) => void drain.prestop()],
    ['the deletion', ({ drain }) => drain.terminating({ gracePeriod: 30_000 })],
    ['the signal', ({ process }) => void process.signal('SIGTERM')],
  ])('leaves the pod its whole grace period from %s on', async (_, sign) => {
    const one = pod()
    const { drain, clock, process } = one
    drain.waitUntil(new Promise(() => {}))
    const { undo } = drain.vacate('an eviction')
    clock.advance(hour)
    await sign(one)
    expect(drain.status().budgetMs).toBe(29_000)
    undo()
    expect(drain.state).toBe('draining')
    if (!drain.committed) {
      clock.advance(10_000)
      void process.signal('SIGTERM')
      // The hook was pending, so this is the last moment.
      if (drain.state === 'closing') return
    }
    let passed = 0
    while (drain.state === 'draining' && passed < 100_000) {
      clock.advance(100)
      passed += 100
    }
    expect(passed).toBeGreaterThan(10_000)
    expect(passed).toBeLessThanOrEqual(24_100)
    expect(drain.lastCall.aborted).toBe(true)
  })

  test('is followed by a report whose times count from the first sign', async () => {
    const { drain, clock, process } = pod()
    const report = new Promise<DrainReport>((resolve) => void drain.once('report', resolve))
    const now = vi.spyOn(Date, 'now').mockImplementation(() => clock.now())
    onTestFinished(() => now.mockRestore())
    drain.vacate('an eviction')
    clock.advance(hour)
    const signalled = clock.now()
    void process.signal('SIGTERM')
    for (let passed = 0; drain.state === 'draining' && passed < 100; passed++) clock.advance(100)
    const { startedAt, durationMs } = await clock.through(report)
    expect(startedAt).toBe(Math.round(signalled))
    expect(durationMs).toBeLessThan(60_000)
  })

  test('joins a drain that has begun, whose time goes on', async () => {
    const { drain, clock } = pod()
    drain.waitUntil(new Promise(() => {}))
    void drain.prestop({ hook: false })
    clock.advance(10_000)
    const { undo } = drain.vacate('an eviction')
    expect(drain.status().budgetMs).toBe(19_000)
    undo()
    expect(drain.state).toBe('draining')
    for (let seconds = 0; seconds < 21; seconds++) clock.advance(1000)
    expect(drain.state).toBe('serving')
  })

  test('is not undone by somebody who has undone an earlier one', async () => {
    const { drain, clock } = pod()
    const earlier = drain.vacate('an eviction')
    earlier.undo()
    const later = drain.vacate('another eviction')
    earlier.undo()
    expect(drain.state).toBe('draining')
    later.undo()
    expect(drain.state).toBe('serving')
    clock.advance(hour)
    expect(drain.state).toBe('serving')
  })

  test('is not called free because the next drain is', async () => {
    const { drain } = pod()
    const { vacated, undo } = drain.vacate('an eviction')
    undo()
    void drain.prestop()
    expect(await vacated).toBe(false)
  })
})

test('a drain that begins while the one before is being undone has a wait and hooks of its own', async () => {
  const { drain, clock } = pod()
  const hooks: string[] = []
  let finish = (): void => {}
  drain.waitUntil(
    new Promise<void>((resolve) => {
      finish = resolve
    }),
  )
  drain.onDrain(() => void hooks.push('drain'))
  drain.onResume(() => void hooks.push('resume'))
  let answered = false
  drain.on('state', (state) => {
    if (state === 'serving') void drain.prestop({ hook: false }).then(() => (answered = true))
  })
  const { undo } = drain.vacate('an eviction')
  undo()
  expect(drain.state).toBe('draining')
  await expect.poll(() => hooks).toEqual(['drain', 'resume', 'drain'])
  expect(answered).toBe(false)
  finish()
  await Promise.resolve()
  for (let seconds = 0; seconds < 10; seconds++) clock.advance(1000)
  await expect.poll(() => answered).toBe(true)
})
