import closeWithGrace from 'close-with-grace'
import { systemClock, until } from '../shared/clock.js'
import { describe } from '../shared/errors.js'
import { closingInterval, listenerTime, lookInterval, overtime, sameKeyPress } from '../shared/timing.js'
import { follow } from './begun.js'
import { Endings, type ExitCause, type ExitListener, type ExitSource } from './endings.js'
import { comeFirst, othersOf, rebind } from './events.js'
import { warningOfFirstProcess } from './first-process.js'
import { type Signal, supportedSignals } from './signals.js'

type Event = closeWithGrace.AllEvents
type Fatal = 'uncaughtException' | 'unhandledRejection'

const allEvents: readonly Event[] = [...supportedSignals, 'uncaughtException', 'unhandledRejection', 'beforeExit']

/** A signal that has come: when, and what Node passed on. */
interface Interrupt {
  readonly name: Signal
  readonly at: number
  readonly args: readonly unknown[]
}

/**
 * While a process has no listener for a signal, the operating system ends it on that signal. close-with-grace has such an
 * instant at the first signal, and a process group sends the second one just then. This listener stays.
 */
const stay = (): void => {}

/**
 * The end of this process, through close-with-grace. The order in which it goes:
 *
 * 1. The first signal, or the first fatal error, ends all drains. Nobody else who listens to the signal hears of it yet.
 * 2. When all drains are over, the others are called. They have what is left of the budget.
 * 3. The process exits: with 0 if all drains were clean, else with 1.
 *
 * A further signal within `sameKeyPress` is the same one; a later one exits at once, with 1. A further error is told.
 */
class ProcessEnd {
  /** Of this interface: two copies of the package in one process have to agree on it. */
  readonly version = 1
  readonly #endings = new Endings()
  /** The listeners of close-with-grace, by event. */
  #ours = new Map<Event, unknown>()
  #installed: { uninstall(): void } | undefined
  #leavePlace: (() => void) | undefined
  #signal: Interrupt | undefined
  #ending = false
  /** How many listeners of others have been called that may raise the signal once more. */
  #mayRaise = 0
  /** Stops waiting for somebody else to exit the process. */
  #ignoreExit = (): void => {}
  /** What has been told of errors, so that one which comes again and again is told once. */
  readonly #told = new Set<string>()

  register(listener: ExitListener): () => void {
    if (this.#endings.listeners.size === 0 && listener.signals.length > 0) {
      const first = warningOfFirstProcess()
      if (first !== undefined) listener.warn?.(first)
    }
    const remove = this.#endings.add(listener)
    this.#install()
    return () => {
      if (remove()) this.#install()
    }
  }

  /** Listens to what the drains that are there want, and to nothing else. Not once it is ending. */
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
          // Each drain has a deadline of its own, counted from the preStop hook on; and it reports, so nobody else has to.
          delay: false,
          logger: false,
          skip: allEvents.filter((event) => !wanted.has(event)),
          onSecondSignal: (signal) => {
            this.#ignoreExit()
            this.#endings.again({ signal: signal as Signal })
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
    for (const { signals, errors } of this.#endings.listeners) {
      for (const signal of signals) wanted.add(signal)
      if (errors) wanted.add('uncaughtException')
      if (errors && !rejectionsAreAllowed()) wanted.add('unhandledRejection')
    }
    return wanted
  }

  /** close-with-grace has just added its listeners: each is the last of its event. */
  #remember(wanted: Iterable<Event>): void {
    this.#ours = new Map([...wanted].map((event) => [event, process.rawListeners(event as 'exit').at(-1)]))
  }

  get #own(): ReadonlySet<unknown> {
    return new Set([...this.#ours.values(), stay])
  }

  /** Something happens to the process. Returns undefined for what nobody has registered for. */
  #happens(event: Event, args: unknown[]): boolean | undefined {
    if (!this.#ours.has(event)) return undefined
    if (event === 'uncaughtException' || event === 'unhandledRejection') return this.#fails(event, args)
    this.#interrupt(event as Signal, args)
    return true
  }

  #interrupt(name: Signal, args: unknown[]): void {
    if (this.#signal) {
      if (performance.now() - this.#signal.at < sameKeyPress) return
      if (this.#mayRaise > 0) {
        // Frameworks raise the signal again when they have cleaned up, so that the process ends by it: each once. The next is a person's.
        this.#mayRaise--
        return
      }
      this.#toCloseWithGrace(name, [name])
      return
    }
    // By hand, `process.emit('SIGTERM')`, it comes without its name.
    this.#signal = { name, at: performance.now(), args: args.length > 0 ? args : [name] }
    if (this.#ending) this.#endings.join(name)
    else this.#toCloseWithGrace(name, this.#signal.args)
  }

  #fails(event: Fatal, args: unknown[]): boolean {
    const [error] = args
    const others = othersOf(event, this.#own)
    // Whoever listens to rejections has arranged for them, as an error tracker does: without podrain the process would live.
    const isArrangedFor = event === 'unhandledRejection' && others.length > 0
    if (!this.#ending && !isArrangedFor) {
      this.#toCloseWithGrace(event, args)
    } else if (!isArrangedFor) {
      const isNew = this.#isNew(error)
      if (isNew) this.#endings.again({ error })
      // They would log it where it cannot be written, and that would be the next, without end.
      else if ((error as NodeJS.ErrnoException | null)?.syscall === 'write') return true
    }
    for (const other of others) other.apply(process, args)
    return true
  }

  /** The first delivery ends all drains; the second exits at once. */
  #toCloseWithGrace(event: Event, args: readonly unknown[]): void {
    ;(this.#ours.get(event) as (...args: unknown[]) => void)(...args)
  }

  /**
   * Whether an error is worth a line. Behind `| head` nobody reads stdout any more, so each line about it fails as the one
   * before did, and would be the next error, without end.
   */
  #isNew(error: unknown): boolean {
    const { code, syscall } = (error ?? {}) as NodeJS.ErrnoException
    const text = syscall === undefined ? describe(error) : `${code} ${syscall}`
    if (this.#told.has(text)) return false
    this.#told.add(text)
    return true
  }

  /** close-with-grace exits with 0 when this resolves, and with 1 when it rejects, or after an error. */
  async #end(cause: ExitCause): Promise<void> {
    this.#ending = true
    if ('error' in cause) this.#isNew(cause.error)
    this.#remember(this.#ours.keys()) // close-with-grace listens for the second event now
    const stop = this.#watchDeadline()
    this.#watchExit()
    const clean = await this.#endings.end(cause)
    stop()
    this.#ignoreExit()
    if (this.#signal) await this.#callOthers(this.#signal, clean)
    if (!clean) throw new Error('the drain was not clean')
    // The application has said how it ends, as a hook that failed may.
    if (process.exitCode) process.exit()
  }

  /** Who exits the process while it drains cuts the drains short: that is said, and is not clean if it cuts requests. */
  #watchExit(): void {
    const onExit = (): void => {
      if (this.#endings.cutShort()) process.exitCode ||= 1
    }
    process.once('exit', onExit)
    this.#ignoreExit = () => process.off('exit', onExit)
  }

  /** Nothing may outlast the deadline, whatever fails: each drain sees to that, and this sees to the drains. */
  #watchDeadline(): () => void {
    let lateSince: number | undefined
    const timer = setInterval(() => {
      lateSince = this.#endings.late ? (lateSince ?? performance.now()) : undefined
      if (lateSince === undefined || performance.now() < lateSince + overtime) return
      this.#ignoreExit()
      process.stderr.write('podrain: a drain was not over at its deadline: exiting now\n')
      process.exit(1)
    }, lookInterval)
    timer.unref()
    return () => clearInterval(timer)
  }

  /**
   * Calls whoever else listens to the signal. What a listener returns is awaited. One that returns nothing may have begun
   * something all the same, and that is waited for, too, for a while.
   */
  async #callOthers({ name, args }: Interrupt, clean: boolean): Promise<void> {
    const others = othersOf(name, this.#own)
    if (others.length === 0) return
    // One of them may exit the process with 0.
    process.once('exit', () => {
      if (!clean) process.exitCode ||= 1
    })
    const names = others.map((other) => nameOf(other)).join(', ')
    const { first } = this.#endings
    first?.info?.(`calling the other listeners of ${name} (${names})`)
    this.#mayRaise = others.length
    const limit = performance.now() + this.#endings.left
    let open = others.length
    let patientUntil = Number.POSITIVE_INFINITY
    const call = async (other: (typeof others)[number]): Promise<void> => {
      try {
        await other.apply(process, [...args])
      } catch (error) {
        first?.warn?.(`a listener of ${name} failed: ${describe(error)}`)
      }
      open--
      if (open === 0) patientUntil = performance.now() + listenerTime
    }
    const begun = await follow(() => others.forEach((other) => void call(other)))
    // Asked from turns of its own, or what waits here would count as begun by them.
    await until(
      systemClock,
      () => closingInterval,
      () => Math.min(limit, patientUntil) - performance.now(),
      () => open === 0 && !begun.active,
    )
    begun.release()
  }
}

function nameOf(listener: unknown): string {
  const { name = '', listener: inner } = listener as { name?: string; listener?: { name?: string } }
  return (inner?.name ?? name) || 'without a name'
}

/**
 * Whether the process was started with a mode in which an unhandled rejection does not end it: see `--unhandled-rejections` in
 * Node's documentation of the command line.
 */
function rejectionsAreAllowed(): boolean {
  const flags = `${process.execArgv.join(' ')} ${process.env.NODE_OPTIONS ?? ''}`
  return /--unhandled-rejections[= ](?:warn|none)/.test(flags)
}

/** Two copies of the package meet here: npm keeps two minor versions apart, and a process has one end. */
const key = Symbol.for('podrain.process-end')
type Holder = { [key]?: ProcessEnd }

/** The process itself, through close-with-grace, installed once for all drains of all copies of the package. */
export const nodeProcess: ExitSource = {
  register(listener) {
    const holder = process as Holder
    holder[key] ??= new ProcessEnd()
    if (holder[key].version !== 1) {
      throw new Error(
        'There are two copies of @podrain/core in this process whose versions do not fit together: the first that is done ' +
          'would end the other. Have one version of all @podrain packages (`npm ls @podrain/core` shows who asks for which)',
      )
    }
    return holder[key].register(listener)
  },
}
