import closeWithGrace from 'close-with-grace'
import { warningOfFirstProcess } from './first-process.js'

/** A signal that can be caught and that close-with-grace knows. */
export type Signal = Extract<closeWithGrace.AllEvents, `SIG${string}`>

export const supportedSignals: readonly Signal[] = [
  'SIGHUP',
  'SIGINT',
  'SIGQUIT',
  'SIGILL',
  'SIGTRAP',
  'SIGABRT',
  'SIGBUS',
  'SIGFPE',
  'SIGSEGV',
  'SIGUSR2',
  'SIGTERM',
]

const fatalErrors = ['uncaughtException', 'unhandledRejection'] as const

/** Why the process is to end. */
export type ExitCause = { readonly signal: Signal } | { readonly error: unknown }

/** What a drain asks of its process. */
export interface ExitListener {
  readonly signals: readonly Signal[]
  readonly errors: boolean
  /** The first signal or fatal error. The process exits once this resolves: with 0 for `true`, else with 1. */
  end(cause: ExitCause): Promise<boolean>
  /** A further error while the end is under way, or the signal that now forces it. */
  again(cause: ExitCause): void
  /** Something about the process that may keep signals from the drain, or the drain from its end. */
  warn?(message: string): void
}

/** Where signals and fatal errors come from, and how the process exits. Replace it in tests. */
export interface ExitSource {
  /** Returns the function that takes the listener away. */
  register(listener: ExitListener): () => void
  /**
   * Whether another process of the pod goes on after this one, so that the kernel can still send what it holds.
   * @default false
   */
  readonly outlived?: boolean
}

/**
 * A terminal sends Ctrl-C to the whole process group and npm and pnpm send it on, so one key press arrives twice
 * (npm/cli#5021, pnpm/pnpm#7374). A second signal within this many milliseconds is the same one.
 */
const sameKeyPress = 500

// One registry for the process: close-with-grace exits the process when its callback is done, so two installs would
// cut each other short.
const listeners = new Set<ExitListener>()
let installed: { uninstall(): void } | undefined
let ending = false

/**
 * Listens as long as we do, to every signal: between the removal of a signal's only listener and the addition of the next,
 * which close-with-grace does at the first signal, a second one would end the process as if nobody listened.
 */
const stay = (): void => {}

/** The process itself, through close-with-grace, installed once for all drains. */
export const nodeProcess: ExitSource = {
  register(listener) {
    warn(listener)
    listeners.add(listener)
    install()
    return () => {
      if (listeners.delete(listener)) install()
    }
  },
}

/** Only the first drain: the others would say the same. */
function warn(listener: ExitListener): void {
  if (listeners.size > 0 || listener.signals.length === 0) return
  const first = warningOfFirstProcess()
  if (first !== undefined) listener.warn?.(first)
  for (const signal of listener.signals) warnOfOthers(listener, signal, process.listeners(signal))
}

/** APM agents and the like: not ours to remove. */
function warnOfOthers(listener: ExitListener, signal: Signal, others: readonly { readonly name: string }[]): void {
  if (others.length === 0) return
  const names = others.map(({ name }) => name || 'without a name').join(', ')
  listener.warn?.(`${signal} has other listeners (${names}): if one of them exits the process, it cuts the drain short`)
}

function events(): Set<closeWithGrace.AllEvents> {
  const wanted = new Set<closeWithGrace.AllEvents>()
  for (const listener of listeners) {
    for (const signal of listener.signals) wanted.add(signal)
    if (listener.errors) for (const event of fatalErrors) wanted.add(event)
  }
  return wanted
}

function install(): void {
  if (ending) return
  const wanted = events()
  for (const signal of supportedSignals) {
    if (wanted.has(signal) && !process.listeners(signal).includes(stay)) process.on(signal, stay)
  }
  installed?.uninstall()
  installed = wanted.size > 0 ? installFor(wanted) : undefined
  for (const signal of supportedSignals) if (!wanted.has(signal)) process.off(signal, stay)
}

function installFor(wanted: ReadonlySet<closeWithGrace.AllEvents>): { uninstall(): void } {
  const all: closeWithGrace.AllEvents[] = [...supportedSignals, ...fatalErrors, 'beforeExit']
  return closeWithGrace(
    {
      // Each drain has a deadline of its own, counted from the preStop hook on; and it reports, so nobody else has to.
      delay: false,
      logger: false,
      skip: all.filter((event) => !wanted.has(event)),
      onSecondSignal: (signal) => tellAgain({ signal }),
    },
    ({ signal, err }) => {
      ending = true
      // All but the last, which close-with-grace has just installed, are somebody else's.
      if (signal !== undefined) {
        const others = process
          .listeners(signal)
          .slice(0, -1)
          .filter((listener) => listener !== stay)
        for (const listener of [...listeners].slice(0, 1)) warnOfOthers(listener, signal as Signal, others)
      }
      holdBackSecond(wanted, signal !== undefined)
      return endAll(signal !== undefined ? { signal: signal as Signal } : { error: err })
    },
  )
}

/** close-with-grace exits with 1 when this rejects. */
async function endAll(cause: ExitCause): Promise<void> {
  const clean = await Promise.all([...listeners].map((listener) => listener.end(cause)))
  if (clean.includes(false)) throw new Error('the drain was not clean')
}

function tellAgain(cause: ExitCause): void {
  for (const listener of listeners) listener.again(cause)
}

/**
 * close-with-grace, which has just installed its listeners for a second event, exits at once on any. A second delivery
 * of the same Ctrl-C must not, nor the first signal after an error, and an error in one handler must not cut the
 * requests of all others.
 */
function holdBackSecond(wanted: Iterable<closeWithGrace.AllEvents>, bySignal: boolean): void {
  for (const event of wanted) {
    const exitAtOnce = process.listeners(event as Signal).at(-1)
    if (exitAtOnce === undefined) continue
    process.removeListener(event, exitAtOnce)
    if (event === 'uncaughtException' || event === 'unhandledRejection') {
      process.on(event, (error: unknown) => tellAgain({ error }))
    } else if (bySignal) {
      armLater(event, exitAtOnce)
    } else {
      process.once(event, () => {
        armLater(event, exitAtOnce)
        for (const listener of listeners) void listener.end({ signal: event as Signal })
      })
    }
  }
}

function armLater(event: closeWithGrace.AllEvents, exitAtOnce: NodeJS.SignalsListener): void {
  const ignore = (): void => {}
  process.on(event, ignore)
  setTimeout(() => {
    process.on(event, exitAtOnce)
    process.removeListener(event, ignore)
  }, sameKeyPress).unref()
}
