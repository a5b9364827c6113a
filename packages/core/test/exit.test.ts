import { createServer } from 'node:net'
import { afterEach, beforeEach, describe, expect, type Mock, onTestFinished, test, vi } from 'vitest'
import type { ExitListener, Signal } from '../src/index.js'
import { turns } from './support.js'

// signals.test.ts tests real processes. Here signals and errors are events of this process, which does not exit, so that more can be
// observed.
const events = ['SIGTERM', 'SIGINT', 'SIGHUP', 'uncaughtException', 'unhandledRejection', 'beforeExit'] as const
type Event = (typeof events)[number]

let exit: Mock<typeof process.exit>
let firstProcess: string | undefined

beforeEach(() => {
  // The test runner has listeners of its own.
  const own = [...events, 'exit'].map((event) => [event, process.rawListeners(event as 'SIGTERM')] as const)
  for (const event of events) process.removeAllListeners(event)
  onTestFinished(() => {
    for (const [event, listeners] of own) {
      process.removeAllListeners(event)
      for (const listener of listeners) process.on(event as 'SIGTERM', listener as () => void)
    }
  })
  exit = vi.spyOn(process, 'exit').mockImplementation((() => {}) as never)
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] })
  forget()
  firstProcess = undefined
  vi.resetModules()
  vi.doMock('../src/process/first-process.js', () => ({ warningOfFirstProcess: () => firstProcess }))
})

afterEach(() => {
  vi.doUnmock('../src/process/first-process.js')
  forget()
  vi.resetModules()
  vi.useRealTimers()
})

/** The registry that all copies of the package share in one process. */
function forget(): void {
  delete (process as unknown as { [key: symbol]: unknown })[Symbol.for('podrain.process-end')]
  delete (process as Partial<typeof process>).emit
}

interface Drain {
  readonly end: Mock<ExitListener['end']>
  readonly again: Mock<ExitListener['again']>
  readonly info: Mock<(message: string) => void>
  readonly warn: Mock<(message: string) => void>
  /** The drain is over: whether it was clean. */
  over(clean: boolean): void
  leave(): void
}

/** A drain that registers with the process, which may have other drains. */
async function register({
  signals = ['SIGTERM', 'SIGINT'] as Signal[],
  errors = true,
  left = 10_000,
} = {}): Promise<Drain> {
  const { nodeProcess } = await import('../src/process/exit.js')
  let over = (_clean: boolean): void => {}
  const ended = new Promise<boolean>((resolve) => {
    over = resolve
  })
  const drain = { end: vi.fn(() => ended), again: vi.fn(), info: vi.fn(), warn: vi.fn() }
  const until = performance.now() + left
  const leave = nodeProcess.register({ signals, errors, left: () => until - performance.now(), ...drain })
  return { ...drain, over, leave }
}

function emit(event: Event, ...args: unknown[]): boolean {
  return (process.emit as (...args: unknown[]) => boolean).call(process, event, ...args)
}

/** Returns what emit() returns: whether the event had listeners. */
function happens(event: Event, what: unknown = event): boolean {
  return emit(event, what)
}

/** Waits until other listeners have been called, which happens in a later turn. */
const settled = (): Promise<void> => turns(4)
const counts = (): Record<string, number> =>
  Object.fromEntries(events.map((event) => [event, process.listenerCount(event)] as const).filter(([, count]) => count))

describe('the process', () => {
  test('exits with 0 when all its drains are over and were clean, and not before', async () => {
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

  test('exits with 1, and logs nothing itself, when one drain was not clean', async () => {
    const said = vi.spyOn(console, 'error').mockImplementation(() => {})
    const [one, two] = [await register(), await register()]
    happens('SIGINT')
    one.over(false)
    two.over(true)
    await settled()
    expect(exit.mock.calls).toEqual([[1]])
    expect(said).not.toHaveBeenCalled()
  })

  test.each([
    [true, 1],
    [false, undefined],
  ])('that other code ends during a drain exits with 1 if that cuts something (%s)', async (cuts, code) => {
    const before = process.listeners('exit')
    onTestFinished(() => {
      process.exitCode = undefined
    })
    const { nodeProcess } = await import('../src/process/exit.js')
    const cut = vi.fn(() => cuts)
    const end = (): Promise<boolean> => new Promise(() => {})
    onTestFinished(nodeProcess.register({ signals: ['SIGTERM'], errors: true, end, again() {}, cut }))
    happens('SIGTERM')
    const [onExit] = process.listeners('exit').filter((listener) => !before.includes(listener))
    expect(cut).not.toHaveBeenCalled()
    onExit?.(0)
    expect(cut).toHaveBeenCalledOnce()
    expect(process.exitCode).toBe(code)
  })

  test('that other code ends after a drain cuts nothing of that drain', async () => {
    const before = process.listeners('exit')
    process.on('SIGTERM', () => new Promise(() => {}))
    const { nodeProcess } = await import('../src/process/exit.js')
    const cut = vi.fn(() => true)
    onTestFinished(nodeProcess.register({ signals: ['SIGTERM'], errors: true, end: async () => true, again() {}, cut }))
    happens('SIGTERM')
    await settled()
    for (const listener of process.listeners('exit')) if (!before.includes(listener)) listener(0)
    expect(cut).not.toHaveBeenCalled()
  })

  test('exits with the code that the application has set during the drain', async () => {
    onTestFinished(() => {
      process.exitCode = undefined
    })
    const drain = await register()
    happens('SIGTERM')
    process.exitCode = 7
    drain.over(true)
    await settled()
    expect(exit.mock.calls[0]?.[0] ?? process.exitCode).toBe(7)
  })

  test('exits soon after the deadline of its last drain, whatever hangs', async () => {
    const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    const one = await register({ left: 2000 })
    await register({ left: 5000 })
    happens('SIGTERM')
    one.over(true)
    await vi.advanceTimersByTimeAsync(5700)
    expect(exit).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(300)
    expect(exit.mock.calls[0]).toEqual([1])
    expect(said.mock.calls[0]).toEqual(['podrain: a drain was not over at its deadline: exiting now\n'])
  })

  test('has no limit of its own beside the deadlines of its drains', async () => {
    const drain = await register({ left: 7_200_000 })
    happens('SIGTERM')
    await vi.advanceTimersByTimeAsync(3_600_000)
    expect(exit).not.toHaveBeenCalled()
    drain.over(true)
    await settled()
    expect(exit.mock.calls).toEqual([[0]])
  })

  test.each(['uncaughtException', 'unhandledRejection'] as const)(
    'exits with 1 after %s, after the drain',
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

  test('has listeners for the signals of the registered drains, and for no others', async () => {
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

  test('always has a listener during the drain, because a second signal would otherwise end it at once', async () => {
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

  test('is not ended by Node because of a signal or an error that a drain handles', async () => {
    await register()
    const broken = Object.assign(new Error('write EPIPE'), { code: 'EPIPE', syscall: 'write' })
    expect(happens('SIGTERM')).toBe(true)
    expect(happens('SIGTERM')).toBe(true)
    expect(happens('uncaughtException', new Error('boom'))).toBe(true)
    expect(happens('uncaughtException', broken)).toBe(true)
    expect(happens('uncaughtException', broken)).toBe(true)
    expect(happens('SIGHUP')).toBe(false)
  })

  test('is not changed by a drain that unregisters twice', async () => {
    const one = await register()
    await register()
    one.leave()
    const listeners = process.listeners('SIGTERM')
    one.leave()
    expect(process.listeners('SIGTERM')).toEqual(listeners)
  })

  test('that is ending gets no new listeners when a drain registers or unregisters', async () => {
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
})

describe('an error that was not caught', () => {
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

  test('is joined by the first signal, and only the next signal forces the exit', async () => {
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

  test('is followed by further errors, which are logged', async () => {
    const drain = await register()
    happens('uncaughtException', new Error('first'))
    const second = new Error('second')
    happens('unhandledRejection', second)
    expect(drain.again.mock.calls).toEqual([[{ error: second }]])
    expect(exit).not.toHaveBeenCalled()
  })
})

describe('other listeners of a signal', () => {
  /** A listener of other code, and the arguments it was called with. */
  const other = (result?: unknown): Mock<(...args: unknown[]) => unknown> => vi.fn(() => result)

  test.each(['before', 'after'])('are called when the drain is over, if they were added %s it', async (when) => {
    const listener = other()
    if (when === 'before') process.on('SIGTERM', listener)
    const drain = await register()
    if (when === 'after') process.prependListener('SIGTERM', listener)
    happens('SIGTERM')
    await settled()
    expect(listener).not.toHaveBeenCalled()
    drain.over(true)
    await settled()
    expect(listener.mock.calls).toEqual([['SIGTERM']])
    await vi.advanceTimersByTimeAsync(20)
    expect(exit.mock.calls).toEqual([[0]])
  })

  test('get its name and its number, as from Node', async () => {
    const listener = other()
    process.on('SIGTERM', listener)
    const drain = await register()
    emit('SIGTERM', 'SIGTERM', 15)
    drain.over(true)
    await settled()
    expect(listener.mock.calls).toEqual([['SIGTERM', 15]])
  })

  test('get its name, even if other code emits the signal without a name', async () => {
    const listener = other()
    process.on('SIGTERM', listener)
    const drain = await register()
    emit('SIGTERM')
    drain.over(true)
    await settled()
    expect(listener.mock.calls).toEqual([['SIGTERM']])
  })

  test('and of uncaught exceptions are called at once for an exception, and the drain begins nevertheless', async () => {
    const listener = other()
    process.on('uncaughtException', listener)
    const drain = await register()
    const error = new Error('boom')
    happens('uncaughtException', error)
    expect(listener).toHaveBeenCalledOnce()
    expect(drain.end).toHaveBeenCalledWith({ error })
  })

  test('that are hidden, as those of tsx, are called at once, and only once', async () => {
    const [hidden, usual] = [other(), other()]
    process.on('SIGTERM', usual)
    process.prependListener('SIGTERM', hidden)
    const { listeners } = process
    process.listeners = ((event: 'exit') =>
      (listeners as (event: string) => unknown[])
        .call(process, event)
        .filter((listener) => listener !== hidden)) as unknown as typeof process.listeners
    onTestFinished(() => void Reflect.deleteProperty(process, 'listeners'))
    const drain = await register()
    happens('SIGTERM')
    expect(hidden.mock.calls).toEqual([['SIGTERM']])
    expect(drain.end).toHaveBeenCalledOnce()
    await settled()
    expect(usual).not.toHaveBeenCalled()
    drain.over(true)
    await settled()
    expect(usual.mock.calls).toEqual([['SIGTERM']])
    expect(hidden).toHaveBeenCalledOnce()
  })

  test('are not called by a drain that an error has begun', async () => {
    const listener = other()
    process.on('SIGTERM', listener)
    const drain = await register()
    happens('uncaughtException', new Error('boom'))
    drain.over(false)
    await settled()
    expect(exit.mock.calls).toEqual([[1]])
    expect(listener).not.toHaveBeenCalled()
  })

  test('are called once, including those that were added with once()', async () => {
    const listener = other()
    process.once('SIGTERM', listener)
    const drain = await register()
    happens('SIGTERM')
    happens('SIGTERM')
    drain.over(true)
    await settled()
    expect(listener).toHaveBeenCalledOnce()
    expect(process.listeners('SIGTERM')).not.toContain(listener)
  })

  test('may be removed before they are called', async () => {
    const listener = other()
    process.on('SIGTERM', listener)
    const drain = await register()
    happens('SIGTERM')
    process.off('SIGTERM', listener)
    drain.over(true)
    await settled()
    expect(listener).not.toHaveBeenCalled()
  })

  test('that return a promise are waited for, within the rest of the budget', async () => {
    let over = (): void => {}
    process.on(
      'SIGTERM',
      () =>
        new Promise<void>((resolve) => {
          over = resolve
        }),
    )
    const drain = await register({ left: 20_000 })
    happens('SIGTERM')
    drain.over(true)
    await settled()
    await vi.advanceTimersByTimeAsync(19_000)
    expect(exit).not.toHaveBeenCalled()
    over()
    await vi.advanceTimersByTimeAsync(20)
    expect(exit.mock.calls).toEqual([[0]])
  })

  test('are each waited for, even if another one has ended early', async () => {
    let over = (): void => {}
    process.on('SIGTERM', () => {})
    process.on('SIGTERM', () => new Promise<void>((resolve) => (over = resolve)))
    const drain = await register({ left: 20_000 })
    happens('SIGTERM')
    drain.over(true)
    await settled()
    await vi.advanceTimersByTimeAsync(19_000)
    expect(exit).not.toHaveBeenCalled()
    over()
    await vi.advanceTimersByTimeAsync(20)
    expect(exit.mock.calls).toEqual([[0]])
  })

  test('are not waited for any longer than the budget', async () => {
    process.on('SIGTERM', () => new Promise(() => {}))
    const drain = await register({ left: 20_000 })
    happens('SIGTERM')
    drain.over(true)
    await settled()
    await vi.advanceTimersByTimeAsync(19_999)
    expect(exit).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(1)
    expect(exit.mock.calls).toEqual([[0]])
  })

  test('that return no promise are waited for while work that they have begun goes on', async () => {
    const server = createServer()
    process.on('SIGTERM', () => void server.listen(0))
    const drain = await register({ left: 20_000 })
    happens('SIGTERM')
    drain.over(true)
    await settled()
    await vi.advanceTimersByTimeAsync(2000)
    expect(exit).not.toHaveBeenCalled()
    server.close()
    await settled()
    await vi.advanceTimersByTimeAsync(20)
    expect(exit.mock.calls).toEqual([[0]])
  })

  test('are not waited for because of work that had begun before them', async () => {
    const server = createServer().listen(0)
    onTestFinished(() => void server.close())
    process.on('SIGTERM', () => {})
    const drain = await register({ left: 20_000 })
    happens('SIGTERM')
    drain.over(true)
    await settled()
    await vi.advanceTimersByTimeAsync(20)
    expect(exit.mock.calls).toEqual([[0]])
  })

  test('are not waited for for ever if their work does not end', async () => {
    const server = createServer()
    onTestFinished(() => void server.close())
    process.on('SIGTERM', () => void server.listen(0))
    const drain = await register({ left: 20_000 })
    happens('SIGTERM')
    drain.over(true)
    await settled()
    await vi.advanceTimersByTimeAsync(4900)
    expect(exit).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(110)
    expect(exit.mock.calls).toEqual([[0]])
  })

  test.each(['throws', 'rejects'])('are all called even if one %s', async (how) => {
    const last = other()
    process.on('SIGTERM', () => {
      if (how === 'throws') throw new Error('no pool')
      return Promise.reject(new Error('no pool'))
    })
    process.on('SIGTERM', last)
    const drain = await register()
    happens('SIGTERM')
    drain.over(true)
    await settled()
    await vi.advanceTimersByTimeAsync(20)
    expect(last).toHaveBeenCalledOnce()
    expect(drain.warn.mock.calls).toEqual([[expect.stringMatching(/^a listener of SIGTERM failed: Error: no pool/)]])
    expect(exit.mock.calls).toEqual([[0]])
  })

  test.each([1, 2])(
    'may raise the signal again, each once: that is no second one, but the next is (%i of them)',
    async (count) => {
      for (let each = 0; each < count; each++) process.on('SIGTERM', () => new Promise(() => {}))
      const drain = await register({ left: 20_000 })
      happens('SIGTERM')
      drain.over(true)
      await settled()
      await vi.advanceTimersByTimeAsync(1000)
      for (let each = 0; each < count; each++) happens('SIGTERM')
      expect(exit).not.toHaveBeenCalled()
      happens('SIGTERM')
      expect(drain.again.mock.calls).toEqual([[{ signal: 'SIGTERM' }]])
      expect(exit.mock.calls).toEqual([[1]])
    },
  )

  test('are named in the log when they are called', async () => {
    process.on('SIGTERM', function agent() {})
    process.once('SIGTERM', (() => () => {})())
    const [one, two] = [await register(), await register()]
    happens('SIGTERM')
    one.over(true)
    two.over(true)
    await settled()
    expect(one.info.mock.calls).toEqual([['calling the other listeners of SIGTERM (agent, without a name)']])
    expect(two.info).not.toHaveBeenCalled()
  })

  test('are not mentioned in the log if there are none', async () => {
    const drain = await register()
    happens('SIGTERM')
    drain.over(true)
    await settled()
    expect(exit.mock.calls).toEqual([[0]])
    expect(drain.info).not.toHaveBeenCalled()
  })

  test('are called at once when no drain is registered any more', async () => {
    const listener = other()
    process.on('SIGTERM', listener)
    const drain = await register()
    drain.leave()
    happens('SIGTERM')
    expect(listener).toHaveBeenCalledOnce()
  })

  test.each([
    ['leave a clean drain its exit code', true, 0],
    ['do not change the exit code of an unclean drain', false, 1],
  ])('%s when they exit with 0', async (_name, clean, code) => {
    process.on('SIGTERM', () => {})
    onTestFinished(() => {
      process.exitCode = undefined
    })
    const drain = await register()
    happens('SIGTERM')
    const exits = vi.spyOn(process, 'once')
    drain.over(clean)
    await settled()
    const [, listener] = exits.mock.calls.find(([event]) => event === 'exit') ?? []
    process.exitCode = 0
    listener?.(0)
    expect(process.exitCode).toBe(code)
  })
})

describe('a drain that is created when the end has begun', () => {
  test('is ended and waited for like the others', async () => {
    const one = await register()
    happens('SIGTERM')
    await vi.advanceTimersByTimeAsync(700)
    const late = await register()
    await settled()
    expect(late.end.mock.calls).toEqual([[{ signal: 'SIGTERM', ago: 700 }]])
    one.over(true)
    await settled()
    expect(exit).not.toHaveBeenCalled()
    late.over(true)
    await settled()
    expect(exit.mock.calls).toEqual([[0]])
  })

  test('by another copy of the package is ended by the same end', async () => {
    const one = await register()
    vi.resetModules()
    const two = await register()
    happens('SIGTERM')
    one.over(true)
    await settled()
    expect(exit).not.toHaveBeenCalled()
    two.over(true)
    await settled()
    expect(exit.mock.calls).toEqual([[0]])
  })
})

describe('two copies of the package', () => {
  test('with incompatible versions are refused, and the error says what to do', async () => {
    ;(process as unknown as { [key: symbol]: unknown })[Symbol.for('podrain.process-end')] = { version: 2 }
    await expect(register()).rejects.toThrow(/two copies of @podrain.core .*`npm ls @podrain.core`/)
  })
})

describe('an unhandled rejection', () => {
  test('that another listener handles does not begin a drain', async () => {
    const tracker = vi.fn()
    process.on('unhandledRejection', tracker)
    const drain = await register()
    const error = new Error('forgotten await')
    happens('unhandledRejection', error)
    expect(tracker.mock.calls).toEqual([[error]])
    expect(drain.end).not.toHaveBeenCalled()
    happens('SIGTERM')
    happens('unhandledRejection', error)
    expect(tracker).toHaveBeenCalledTimes(2)
    expect(drain.again).not.toHaveBeenCalled()
  })

  test.each(['--unhandled-rejections=warn', '--unhandled-rejections=none'])(
    'is none of ours in a process that was started with %s',
    async (flag) => {
      vi.stubEnv('NODE_OPTIONS', flag)
      onTestFinished(() => void vi.unstubAllEnvs())
      await register()
      expect(counts()).toEqual({ SIGTERM: 2, SIGINT: 2, uncaughtException: 1 })
    },
  )

  test.each([['--unhandled-rejections=none'], ['--unhandled-rejections', 'warn']])(
    'is none of ours in a process whose arguments say so: %s %s',
    async (...args) => {
      const own = process.execArgv
      process.execArgv = ['--enable-source-maps', ...args]
      onTestFinished(() => {
        process.execArgv = own
      })
      await register()
      expect(counts()).toEqual({ SIGTERM: 2, SIGINT: 2, uncaughtException: 1 })
    },
  )
})

describe('the same error again and again', () => {
  test('is logged once', async () => {
    const drain = await register()
    happens('SIGTERM')
    const error = new Error('boom')
    for (let count = 0; count < 5; count++) happens('uncaughtException', error)
    expect(drain.again.mock.calls).toEqual([[{ error }]])
  })

  test('does not include other errors of the same system call', async () => {
    const drain = await register()
    happens('SIGTERM')
    const errors = ['EPIPE', 'ECONNRESET'].map((code) => Object.assign(new Error(code), { code, syscall: 'write' }))
    for (const error of errors) happens('uncaughtException', error)
    expect(drain.again.mock.calls).toEqual(errors.map((error) => [{ error }]))
  })

  test('is passed to other listeners each time, unless writing has failed, because their log line would fail, too', async () => {
    const tracker = vi.fn()
    process.on('uncaughtException', tracker)
    await register()
    happens('SIGTERM')
    const broken = Object.assign(new Error('write EPIPE'), { code: 'EPIPE', syscall: 'write' })
    for (const error of [null, null, new Error('boom'), new Error('boom'), broken, broken]) {
      happens('uncaughtException', error)
    }
    expect(tracker).toHaveBeenCalledTimes(5)
  })

  test('may be undefined, after a signal', async () => {
    const drain = await register()
    happens('SIGTERM')
    emit('unhandledRejection', undefined)
    expect(drain.again.mock.calls).toEqual([[{ error: undefined }]])
  })

  test('of a system call is logged once, wherever it comes from', async () => {
    const drain = await register()
    const broken = (stack: string): Error =>
      Object.assign(new Error('write EPIPE'), { code: 'EPIPE', syscall: 'write', stack })
    happens('uncaughtException', broken('here'))
    happens('uncaughtException', broken('there'))
    expect(drain.end).toHaveBeenCalledOnce()
    expect(drain.again).not.toHaveBeenCalled()
  })
})

describe('a process 1 that does not pass signals on', () => {
  test('is warned of by the first drain that listens to signals', async () => {
    firstProcess = 'process 1 of the container is npm'
    const none = await register({ signals: [] })
    none.leave()
    const [one, two] = [await register(), await register()]
    expect(none.warn).not.toHaveBeenCalled()
    expect(one.warn.mock.calls).toEqual([['process 1 of the container is npm']])
    expect(two.warn).not.toHaveBeenCalled()
  })

  test('is not warned of without a method for warnings', async () => {
    firstProcess = 'process 1 of the container is npm'
    process.on('SIGTERM', function agent() {
      throw new Error('no pool')
    })
    const { nodeProcess } = await import('../src/process/exit.js')
    const end = vi.fn(async () => true)
    nodeProcess.register({ signals: ['SIGTERM'], errors: false, end, again() {}, left: () => 10_000 })
    happens('SIGTERM')
    await settled()
    await vi.advanceTimersByTimeAsync(20)
    expect(end).toHaveBeenCalledOnce()
    expect(exit.mock.calls).toEqual([[0]])
  })
})
