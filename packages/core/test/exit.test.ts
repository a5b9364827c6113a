import { afterEach, beforeEach, describe, expect, type Mock, onTestFinished, test, vi } from 'vitest'
import type { ExitListener, Signal } from '../src/index.js'

// What signals.test.ts sees of real processes, and what their processes do not show: here signals and errors are events of
// this process, which does not exit.
const events = ['SIGTERM', 'SIGINT', 'SIGHUP', 'uncaughtException', 'unhandledRejection', 'beforeExit'] as const
type Event = (typeof events)[number]

let exit: Mock<typeof process.exit>
let firstProcess: string | undefined

beforeEach(() => {
  // The test runner has listeners of its own.
  const own = events.map((event) => [event, process.rawListeners(event as 'SIGTERM')] as const)
  for (const event of events) process.removeAllListeners(event)
  onTestFinished(() => {
    for (const [event, listeners] of own) {
      process.removeAllListeners(event)
      for (const listener of listeners) process.on(event as 'SIGTERM', listener as () => void)
    }
  })
  exit = vi.spyOn(process, 'exit').mockImplementation((() => {}) as never)
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  firstProcess = undefined
  vi.resetModules()
  vi.doMock('../src/process/first-process.js', () => ({ warningOfFirstProcess: () => firstProcess }))
})

afterEach(() => {
  vi.doUnmock('../src/process/first-process.js')
  vi.resetModules()
  vi.useRealTimers()
})

interface Drain {
  readonly end: Mock<ExitListener['end']>
  readonly again: Mock<ExitListener['again']>
  readonly warn: Mock<(message: string) => void>
  /** The drain is over: whether it was clean. */
  over(clean: boolean): void
  leave(): void
}

/** A drain that listens, in a process that has none yet or others. */
async function register({ signals = ['SIGTERM', 'SIGINT'] as Signal[], errors = true } = {}): Promise<Drain> {
  const { nodeProcess } = await import('../src/process/exit.js')
  let over = (_clean: boolean): void => {}
  const ended = new Promise<boolean>((resolve) => {
    over = resolve
  })
  const drain = { end: vi.fn(() => ended), again: vi.fn(), warn: vi.fn() }
  const leave = nodeProcess.register({ signals, errors, ...drain })
  return { ...drain, over, leave }
}

function happens(event: Event, what: unknown = event): void {
  process.emit(event as 'SIGTERM', what as 'SIGTERM')
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const counts = (): Record<string, number> =>
  Object.fromEntries(events.map((event) => [event, process.listenerCount(event)] as const).filter(([, count]) => count))

describe('the process', () => {
  test('exits with 0 when all its drains are over and were clean, not before', async () => {
    const [one, two] = [await register(), await register()]
    happens('SIGTERM')
    expect(one.end.mock.calls).toEqual([[{ signal: 'SIGTERM' }]])
    expect(two.end.mock.calls).toEqual([[{ signal: 'SIGTERM' }]])
    one.over(true)
    await settled()
    expect(exit).not.toHaveBeenCalled()
    two.over(true)
    await settled()
    expect(exit.mock.calls).toEqual([[0]])
  })

  test('exits with 1, and without a word of its own, when one of them was not', async () => {
    const said = vi.spyOn(console, 'error').mockImplementation(() => {})
    const [one, two] = [await register(), await register()]
    happens('SIGINT')
    one.over(false)
    two.over(true)
    await settled()
    expect(exit.mock.calls).toEqual([[1]])
    expect(said).not.toHaveBeenCalled()
  })

  test('has no limit of its own: each drain has', async () => {
    const drain = await register()
    happens('SIGTERM')
    await vi.advanceTimersByTimeAsync(3_600_000)
    expect(exit).not.toHaveBeenCalled()
    drain.over(true)
    await settled()
    expect(exit.mock.calls).toEqual([[0]])
  })

  test.each(['uncaughtException', 'unhandledRejection'] as const)(
    'exits with 1 after %s, when it has drained',
    async (event) => {
      const drain = await register()
      const error = new Error('boom')
      happens(event, error)
      expect(drain.end.mock.calls).toEqual([[{ error }]])
      await settled()
      expect(exit).not.toHaveBeenCalled()
      drain.over(false)
      await settled()
      expect(exit.mock.calls).toEqual([[1]])
    },
  )

  test('is listened to for the signals of the drains that are there, and for nothing else', async () => {
    const one = await register({ signals: ['SIGTERM'], errors: false })
    expect(counts()).toEqual({ SIGTERM: 2 })
    const two = await register({ signals: ['SIGHUP'] })
    expect(counts()).toEqual({ SIGTERM: 2, SIGHUP: 2, uncaughtException: 1, unhandledRejection: 1 })
    one.leave()
    expect(counts()).toEqual({ SIGHUP: 2, uncaughtException: 1, unhandledRejection: 1 })
    two.leave()
    expect(counts()).toEqual({})
    await register({ signals: [], errors: false })
    expect(counts()).toEqual({})
  })

  test('is never without a listener meanwhile, as the second of two signals would end it there and then', async () => {
    const unheard: unknown[] = []
    const watch = (event: unknown): void => {
      if (event !== 'SIGHUP' && process.listenerCount(event as Event) === 0) unheard.push(event)
    }
    process.on('removeListener', watch)
    onTestFinished(() => void process.off('removeListener', watch))
    await register({ errors: false })
    const two = await register({ signals: ['SIGTERM', 'SIGHUP'], errors: false })
    two.leave()
    happens('SIGTERM')
    happens('SIGTERM')
    await vi.advanceTimersByTimeAsync(1000)
    expect(unheard).toEqual([])
    expect(exit).not.toHaveBeenCalled()
  })

  test('is let alone by a drain that leaves twice', async () => {
    const one = await register()
    await register()
    one.leave()
    const listeners = process.listeners('SIGTERM')
    one.leave()
    expect(process.listeners('SIGTERM')).toEqual(listeners)
  })

  test('that is ending is not listened to anew by a drain that comes or goes', async () => {
    const drain = await register()
    happens('SIGTERM')
    const listening = counts()
    const late = await register({ signals: ['SIGHUP'] })
    expect(counts()).toEqual(listening)
    late.leave()
    drain.leave()
    expect(counts()).toEqual(listening)
  })
})

describe('a second signal', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('(%s) within half a second is the same key press', async (second) => {
    const drain = await register()
    happens('SIGTERM')
    vi.advanceTimersByTime(499)
    happens(second)
    happens(second)
    await settled()
    expect(drain.again).not.toHaveBeenCalled()
    expect(drain.end).toHaveBeenCalledOnce()
    expect(exit).not.toHaveBeenCalled()
  })

  test.each(['SIGTERM', 'SIGINT'] as const)(
    '(%s) later is told to all drains and exits with 1 at once',
    async (second) => {
      const [one, two] = [await register(), await register()]
      happens('SIGTERM')
      vi.advanceTimersByTime(500)
      happens(second)
      expect(one.again.mock.calls).toEqual([[{ signal: second }]])
      expect(two.again.mock.calls).toEqual([[{ signal: second }]])
      expect(exit.mock.calls).toEqual([[1]])
      expect(one.end).toHaveBeenCalledOnce()
    },
  )

  test('is waited for by a timer that does not keep the process alive', async () => {
    vi.useRealTimers()
    const timers = vi.spyOn(globalThis, 'setTimeout')
    await register({ signals: ['SIGTERM'] })
    happens('SIGTERM')
    expect(timers.mock.results.map(({ value }) => (value as NodeJS.Timeout).hasRef())).toEqual([false])
  })
})

describe('an error that nobody caught', () => {
  test.each(['uncaughtException', 'unhandledRejection'] as const)(
    '(%s) while it ends is told, each one, and cuts nothing',
    async (event) => {
      const drain = await register()
      happens('SIGTERM')
      const [first, second] = [new Error('first'), new Error('second')]
      happens(event, first)
      happens(event, second)
      vi.advanceTimersByTime(1000)
      await settled()
      expect(drain.again.mock.calls).toEqual([[{ error: first }], [{ error: second }]])
      expect(exit).not.toHaveBeenCalled()
    },
  )

  test('is joined by the first signal, which is not a second one; only the next forces', async () => {
    const [one, two] = [await register(), await register()]
    happens('uncaughtException', new Error('boom'))
    vi.advanceTimersByTime(2000)
    happens('SIGTERM')
    for (const drain of [one, two]) expect(drain.end.mock.calls[1]).toEqual([{ signal: 'SIGTERM' }])
    vi.advanceTimersByTime(499)
    happens('SIGTERM')
    expect(exit).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1)
    happens('SIGTERM')
    expect(one.again.mock.calls).toEqual([[{ signal: 'SIGTERM' }]])
    expect(one.end).toHaveBeenCalledTimes(2)
    expect(exit.mock.calls).toEqual([[1]])
  })

  test('is followed by others, which are told', async () => {
    const drain = await register()
    happens('uncaughtException', new Error('first'))
    const second = new Error('second')
    happens('unhandledRejection', second)
    expect(drain.again.mock.calls).toEqual([[{ error: second }]])
    expect(exit).not.toHaveBeenCalled()
  })
})

describe('others who listen to a signal', () => {
  test('are named by the first drain at the start, and again when the signal has come', async () => {
    process.on('SIGTERM', function agent() {})
    process.on('SIGTERM', (() => () => {})())
    const [one, two] = [await register(), await register()]
    const line = (names: string): string =>
      `SIGTERM has other listeners (${names}): if one of them exits the process, it cuts the drain short`
    expect(one.warn.mock.calls).toEqual([[line('agent, without a name')]])
    process.on('SIGTERM', function late() {})
    happens('SIGTERM')
    expect(one.warn.mock.calls.slice(1)).toEqual([[line('agent, without a name, late')]])
    expect(two.warn).not.toHaveBeenCalled()
  })

  test('are not mentioned where there are none, or where they listen to another signal', async () => {
    process.on('SIGHUP', function agent() {})
    const drain = await register()
    happens('SIGTERM')
    expect(drain.warn).not.toHaveBeenCalled()
  })
})

describe('a first process that keeps signals to itself', () => {
  test('is said by the first drain that listens to signals', async () => {
    firstProcess = 'process 1 of the container is npm'
    const none = await register({ signals: [] })
    none.leave()
    const [one, two] = [await register(), await register()]
    expect(none.warn).not.toHaveBeenCalled()
    expect(one.warn.mock.calls).toEqual([['process 1 of the container is npm']])
    expect(two.warn).not.toHaveBeenCalled()
  })

  test('may be no concern of a listener that takes no warnings', async () => {
    firstProcess = 'process 1 of the container is npm'
    process.on('SIGTERM', function agent() {})
    const { nodeProcess } = await import('../src/process/exit.js')
    const end = vi.fn(async () => true)
    nodeProcess.register({ signals: ['SIGTERM'], errors: false, end, again() {} })
    happens('SIGTERM')
    await settled()
    expect(end).toHaveBeenCalledOnce()
    expect(exit.mock.calls).toEqual([[0]])
  })
})
