import { describe, expect, test } from 'vitest'
import { Checks } from '../src/endpoints/checks.js'
import { describe as textOf } from '../src/shared/errors.js'
import { gate, Log } from './support.js'

describe('a readiness check', () => {
  test('that is too slow is told to stop, and the log says how long it had', async () => {
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

  test('that answers in time is not told to stop', async () => {
    const signals: AbortSignal[] = []
    const checks = new Checks({ db: (signal) => signals.push(signal) }, 1000, new Log())
    expect(await checks.run()).toEqual({ db: 'ok' })
    expect(signals.map(({ aborted }) => aborted)).toEqual([false])
  })

  test('that fails does not hide the others, and each is said when it changes', async () => {
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
