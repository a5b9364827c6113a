import closeWithGrace from 'close-with-grace'
import { systemClock, until } from '../shared/clock.js'
import { describe } from '../shared/errors.js'
import { ofProcess } from '../shared/of-process.js'
import { checkInterval, closingInterval, listenerTime, overtime, sameKeyPress } from '../shared/timing.js'
import { follow } from './begun.js'
import { comeFirst, hiddenOf, othersOf, rebind } from './events.js'
import { type ExitCause, type ExitListener, ExitListeners, type ExitSource } from './exit-listeners.js'
import { warningOfFirstProcess } from './first-process.js'
import { type Signal, supportedSignals } from './signals.js'

type Event = closeWithGrace.AllEvents
type Fatal = 'uncaughtException' | 'unhandledRejection'

const allEvents: readonly Event[] = [...supportedSignals, 'uncaughtException', 'unhandledRejection', 'beforeExit']

/** A signal that has arrived: when, and the arguments of its event. */
interface Interrupt {
  readonly name: Signal
  readonly at: number
  readonly args: readonly unknown[]
}

/**
 * A listener that stays for as long as podrain handles the signal. Without any listener, the signal ends the process.
 * close-with-grace has no listener for an instant at the first signal, and a process group may send the second signal at that instant.
 */
const stay = (): void => {}

/**
 * The exit of this process, through close-with-grace:
 *
 * 1. The first signal or fatal error ends all drains. Other listeners of the signal are not called yet, except for
 *    hidden ones (`hiddenOf`).
 * 2. When all drains have ended, the other listeners are called. They get the time that is left of the budget.
 * 3. The process exits: with 0 if all drains were clean, otherwise with 1.
 *
 * A second signal within `sameKeyPress` counts as the same signal. A later signal exits the process at once, with 1. A further
 * error is logged.
 */
class ProcessEnd {
  /** The version of this interface. Copies of the package in one process must have the same version. */
  readonly version = 1
  readonly #listeners = new ExitListeners()
  /** The listeners of close-with-grace, by event. */
  #ours = new Map<Event, unknown>()
  #installed: { uninstall(): void } | undefined
  #leavePlace: (() => void) | undefined
  #signal: Interrupt | undefined
  #ending = false
  /** How many other listeners have been called. Each of them may raise the signal once more. */
  #mayRaise = 0
  /** Stops watching for other code that exits the process. */
  #ignoreExit = (): void => {}
  /** The errors that were logged. A repeated error is logged once. */
  readonly #loggedErrors = new Set<string>()

  register(listener: ExitListener): () => void {
    if (this.#listeners.all.size === 0 && listener.signals.length > 0) {
      const first = warningOfFirstProcess()
      if (first !== undefined) listener.warn?.(first)
    }
    const remove = this.#listeners.add(listener)
    this.#install()
    return () => {
      if (remove()) this.#install()
    }
  }

  /**
   * Listens to the events that the registered drains need, and to no others. Does nothing when the process is ending.
   */
  #install(): void {
    if (this.#ending) return
    const wanted = this.#wanted()
    this.#installed?.uninstall()
    this.#installed = undefined
    if (wanted.size === 0) {
      this.#leavePlace?.()
      this.#leavePlace = undefined
    } else {
      this.#leavePlace ??= comeFirst((event, args) => this.#happens(event as Event, args))
      for (const signal of supportedSignals) {
        if (!wanted.has(signal) || process.listeners(signal).includes(stay)) continue
        rebind(signal)
        process.on(signal, stay)
      }
      this.#installed = closeWithGrace(
        {
          // Each drain has its own deadline, counted from the preStop hook, and writes its own report.
          delay: false,
          logger: false,
          skip: allEvents.filter((event) => !wanted.has(event)),
          onSecondSignal: (signal) => {
            this.#ignoreExit()
            this.#listeners.again({ signal: signal as Signal })
          },
        },
        ({ signal, err }) => this.#end(signal === undefined ? { error: err } : { signal: signal as Signal }),
      )
    }
    this.#remember(wanted)
    for (const signal of supportedSignals) if (!wanted.has(signal)) process.off(signal, stay)
  }

  #wanted(): Set<Event> {
    const wanted = new Set<Event>()
    for (const { signals, errors } of this.#listeners.all) {
      for (const signal of signals) wanted.add(signal)
      if (errors) wanted.add('uncaughtException')
      if (errors && !rejectionsAreAllowed()) wanted.add('unhandledRejection')
    }
    return wanted
  }

  /** Remembers the listeners that close-with-grace has just added. Each of them is the last listener of its event. */
  #remember(wanted: Iterable<Event>): void {
    this.#ours = new Map([...wanted].map((event) => [event, process.rawListeners(event as 'exit').at(-1)]))
  }

  get #own(): ReadonlySet<unknown> {
    return new Set([...this.#ours.values(), stay])
  }

  /** Called for each event of the process. Returns undefined for events that no drain needs. */
  #happens(event: Event, args: unknown[]): boolean | undefined {
    if (!this.#ours.has(event)) return undefined
    if (event === 'uncaughtException' || event === 'unhandledRejection') return this.#fails(event, args)
    this.#interrupt(event as Signal, args)
    return true
  }

  #interrupt(name: Signal, args: unknown[]): void {
    if (this.#signal) {
      if (performance.now() - this.#signal.at < sameKeyPress) return
      if ([...this.#listeners.all].some(({ repeats = [] }) => repeats.includes(name))) return
      if (this.#mayRaise > 0) {
        // After its cleanup, a framework may raise the signal again to end the process: each listener once. A further signal
        // comes from a person.
        this.#mayRaise--
        return
      }
      this.#toCloseWithGrace(name, [name])
      return
    }
    // An application that calls `process.emit('SIGTERM')` passes no name.
    this.#signal = { name, at: performance.now(), args: args.length > 0 ? args : [name] }
    if (this.#ending) this.#listeners.join(name)
    else this.#toCloseWithGrace(name, this.#signal.args)
    for (const hidden of hiddenOf(name)) hidden.apply(process, [...this.#signal.args])
  }

  #fails(event: Fatal, args: unknown[]): boolean {
    const [error] = args
    const others = othersOf(event, this.#own)
    // If the application or its error tracker listens for rejections, Node does not end the process, and podrain does not either.
    const isArrangedFor = event === 'unhandledRejection' && others.length > 0
    if (!this.#ending && !isArrangedFor) {
      this.#toCloseWithGrace(event, args)
    } else if (!isArrangedFor) {
      const isNew = this.#isNew(error)
      if (isNew) this.#listeners.again({ error })
      // Another listener would log the error. If writing fails, its log line causes the next error, without end.
      else if ((error as NodeJS.ErrnoException | null)?.syscall === 'write') return true
    }
    for (const other of others) other.apply(process, args)
    return true
  }

  /** The first event that is passed on ends all drains; the second one exits at once. */
  #toCloseWithGrace(event: Event, args: readonly unknown[]): void {
    ;(this.#ours.get(event) as (...args: unknown[]) => void)(...args)
  }

  /**
   * Whether an error has not been logged before. If the reader of stdout has gone, as in `node server.js | head`, each log line
   * fails and causes the next error, without end.
   */
  #isNew(error: unknown): boolean {
    const { code, syscall } = (error ?? {}) as NodeJS.ErrnoException
    const text = syscall === undefined ? describe(error) : `${code} ${syscall}`
    if (this.#loggedErrors.has(text)) return false
    this.#loggedErrors.add(text)
    return true
  }

  /** close-with-grace exits with 0 if this resolves, and with 1 if it rejects or after an error. */
  async #end(cause: ExitCause): Promise<void> {
    this.#ending = true
    if ('error' in cause) this.#isNew(cause.error)
    this.#remember(this.#ours.keys()) // close-with-grace has added its listener for a second signal
    this.#watchDeadline()
    this.#watchExit()
    const clean = await this.#listeners.end(cause)
    this.#ignoreExit()
    if (this.#signal) await this.#callOthers(this.#signal, clean)
    if (!clean) throw new Error('the drain was not clean')
    // The application, or one of its hooks, has set the exit code.
    if (process.exitCode) process.exit()
  }

  /** Logs when other code exits the process before the drains are over. If requests are cut by that, the exit code is not 0. */
  #watchExit(): void {
    const onExit = (): void => {
      if (this.#listeners.cutShort()) process.exitCode ||= 1
    }
    process.once('exit', onExit)
    this.#ignoreExit = () => process.off('exit', onExit)
  }

  /**
   * Exits the process `overtime` after the last deadline. Each drain keeps to its deadline itself. This is for a drain that
   * hangs.
   */
  #watchDeadline(): void {
    let lateSince: number | undefined
    setInterval(() => {
      lateSince = this.#listeners.late ? (lateSince ?? performance.now()) : undefined
      if (lateSince === undefined || performance.now() < lateSince + overtime) return
      this.#ignoreExit()
      process.stderr.write('podrain: a drain was not over at its deadline: exiting now\n')
      process.exit(1)
    }, checkInterval).unref()
  }

  /**
   * Calls the other listeners of the signal and awaits the promises that they return. A listener that returns no promise may have
   * begun asynchronous work. The process waits for that work, for at most `listenerTime`.
   */
  async #callOthers({ name, args }: Interrupt, clean: boolean): Promise<void> {
    const others = othersOf(name, new Set([...this.#own, ...hiddenOf(name)]))
    if (others.length === 0) return
    // One of the listeners may exit the process with 0.
    process.once('exit', () => {
      if (!clean) process.exitCode ||= 1
    })
    const names = others.map(nameOf).join(', ')
    const { first } = this.#listeners
    first?.info?.(`calling the other listeners of ${name} (${names})`)
    this.#mayRaise = others.length
    const deadline = performance.now() + this.#listeners.left
    let open = others.length
    let waitUntil = Number.POSITIVE_INFINITY
    const call = async (other: (typeof others)[number]): Promise<void> => {
      try {
        await other.apply(process, [...args])
      } catch (error) {
        first?.warn?.(`a listener of ${name} failed: ${describe(error)}`)
      }
      open--
      if (open === 0) waitUntil = performance.now() + listenerTime
    }
    const begun = await follow(() => others.forEach((other) => void call(other)))
    // This wait begins in another turn, because `follow` counts all work of the listeners' turn as theirs.
    await until(
      systemClock,
      () => closingInterval,
      () => Math.min(deadline, waitUntil) - performance.now(),
      () => open === 0 && !begun.active,
    )
    begun.release()
  }
}

/** The name of a listener. A listener that was added with `once()` is in a wrapper. */
function nameOf({ name, listener }: { readonly name: string; readonly listener?: { readonly name: string } }): string {
  return (listener?.name ?? name) || 'without a name'
}

/**
 * Whether the process was started with a mode of `--unhandled-rejections` in which an unhandled rejection does not end the process
 * (nodejs.org/api/cli.html).
 */
function rejectionsAreAllowed(): boolean {
  const flags = [...process.execArgv, process.env.NODE_OPTIONS].join(' ')
  return /--unhandled-rejections[= ](?:warn|none)/.test(flags)
}

/** The process itself, through close-with-grace. All drains of all copies of the package share one instance. */
export const nodeProcess: ExitSource = {
  register(listener) {
    const end = ofProcess('process-end', () => new ProcessEnd())
    if (end.version !== 1) {
      throw new Error(
        'There are two copies of @podrain/core in this process whose versions do not fit together: the first one to finish ' +
          'would end the process before the other. Install one version of all @podrain packages (`npm ls @podrain/core` shows ' +
          'which package asks for which version)',
      )
    }
    return end.register(listener)
  },
}
