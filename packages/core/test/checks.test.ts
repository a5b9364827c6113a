import { performance } from 'node:perf_hooks'
import { describe, expect, test, vi } from 'vitest'
import { Checks } from '../src/endpoints/checks.js'
import { describe as textOf } from '../src/shared/errors.js'
import { overdueCheckRest } from '../src/shared/timing.js'
import { gate, Log, turns } from './support.js'

describe('a readiness check', () => {
  test('that is too slow is aborted, and the log says how long it had', async () => {
    const log = new Log()
    const stopped = gate()
    const checks = new Checks(
      { db: (signal) => new Promise(() => signal.addEventListener('abort', () => stopped.open())) },
      20,
      log,
    )
    expect(await checks.run()).toEqual({ db: 'timed out' })
    await stopped.opened
    expect(log.lines).toEqual(['warn readiness check "db" timed out after 20 ms'])
  })

  test('that hangs is begun once, and each further probe fails at once', async () => {
    let begun = 0
    const hung = gate()
    const db = (): unknown => {
      begun++
      return hung.opened
    }
    const checks = new Checks({ db, cache: () => {} }, 20, new Log())
    for (let probe = 0; probe < 5; probe++) expect(await checks.run()).toEqual({ db: 'timed out', cache: 'ok' })
    expect(begun).toBe(1)
    hung.open()
    await turns(3)
    expect(await checks.run()).toEqual({ db: 'ok', cache: 'ok' })
    expect(begun).toBe(2)
  })

  test('that hangs for ever is begun again after 30 s, because the database may work again', async () => {
    let now = 0
    vi.spyOn(performance, 'now').mockImplementation(() => now)
    let begun = 0
    const checks = new Checks({ db: () => (++begun === 1 ? new Promise(() => {}) : 'well') }, 20, new Log())
    expect(await checks.run()).toEqual({ db: 'timed out' })
    now += overdueCheckRest - 1
    expect(await checks.run()).toEqual({ db: 'timed out' })
    now += 1
    expect(await checks.run()).toEqual({ db: 'ok' })
    expect(await checks.run()).toEqual({ db: 'ok' })
    expect(begun).toBe(3)
  })

  test('that finishes in time is not aborted', async () => {
    const signals: AbortSignal[] = []
    const checks = new Checks({ db: (signal) => signals.push(signal) }, 1000, new Log())
    expect(await checks.run()).toEqual({ db: 'ok' })
    expect(signals.map(({ aborted }) => aborted)).toEqual([false])
  })

  test('that fails does not hide the others, and each change is logged', async () => {
    const log = new Log()
    const broken = new Set(['db', 'queue'])
    const check = (name: string) => (): void => {
      if (broken.has(name)) throw `${name} is down`
    }
    const checks = new Checks({ db: check('db'), cache: check('cache'), queue: check('queue') }, 1000, log)
    expect(await checks.run()).toEqual({ db: 'failed', cache: 'ok', queue: 'failed' })
    broken.delete('db')
    expect(await checks.run()).toEqual({ db: 'ok', cache: 'ok', queue: 'failed' })
    expect(await checks.run()).toEqual({ db: 'ok', cache: 'ok', queue: 'failed' })
    expect(log.lines).toEqual([
      `warn readiness check "db" failed: 'db is down'`,
      `warn readiness check "queue" failed: 'queue is down'`,
      'info readiness check "db" is ok again',
    ])
  })
})

describe('an error in the log', () => {
  test('shows where it came from', () => {
    const error = new Error('boom')
    expect(textOf(error)).toBe(error.stack)
  })

  test('shows its message where it has no stack, and any other value as it is', () => {
    expect(textOf(Object.assign(new Error('boom'), { stack: undefined }))).toBe('boom')
    expect(textOf({ code: 5 })).toBe('{ code: 5 }')
  })
})
