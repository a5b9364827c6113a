import type { Signal } from './signals.js'

/** Why the process must exit: a signal, or a fatal error. */
export type ExitCause = ({ readonly signal: Signal } | { readonly error: unknown }) & {
  /** Milliseconds since the signal or error, for a drain that was created later. @default 0 */
  readonly ago?: number
}

/** What a drain registers with its process. */
export interface ExitListener {
  /** The signals that end the process. */
  readonly signals: readonly Signal[]
  /** Whether uncaught exceptions and unhandled rejections end the process. */
  readonly errors: boolean
  /** Signals that may come more than once. A second one then does not force the exit. @default none */
  readonly repeats?: readonly Signal[]
  /**
   * Called with the first signal or fatal error, and with the first signal after an error. The process exits when the promise
   * has resolved: with 0 for `true`, otherwise with 1.
   */
  end(cause: ExitCause): Promise<boolean>
  /** Called with a further error during the drain, or with the signal that forces the exit. */
  again(cause: ExitCause): void
  /** Called when other code exits the process. Returns whether the exit cuts something. @default () => false */
  cut?(): boolean
  /** Returns the milliseconds until the process must have exited. @default no deadline */
  left?(): number
  /** Called with a line for the log about the process. */
  info?(message: string): void
  /**
   * Called with a warning for the log: signals may not reach the drain, or the process may end before the drain does.
   */
  warn?(message: string): void
}

/** The source of signals and fatal errors, and the way to exit. Tests replace it. */
export interface ExitSource {
  /**
   * Adds a listener.
   * @returns The function that removes the listener.
   */
  register(listener: ExitListener): () => void
  /**
   * Whether another process of the pod outlives this one. The kernel can then still send the bytes that it holds.
   * @default false
   */
  readonly outlived?: boolean
}

/**
 * The drains that must end before a process or thread may exit, including drains that register after the end has begun.
 */
export class ExitListeners {
  readonly #listeners = new Set<ExitListener>()
  /** The result of each drain that has begun to end: whether it was clean. A drain that was removed stays here. */
  readonly #results = new Map<ExitListener, Promise<boolean>>()
  #cause: ExitCause | undefined
  #begunAt = 0

  get all(): ReadonlySet<ExitListener> {
    return this.#listeners
  }

  /** The first drain that was ended. It logs for the process. */
  get first(): ExitListener | undefined {
    return [...this.#results.keys()][0]
  }

  /** Milliseconds until the first deadline. 0 if no drain has one. */
  get left(): number {
    const left = [...this.#results.keys()].flatMap((listener) => listener.left?.() ?? [])
    return left.length === 0 ? 0 : Math.min(...left)
  }

  /** Whether the deadlines of all drains have passed. */
  get late(): boolean {
    const left = [...this.#results.keys()].map((listener) => listener.left?.() ?? Number.POSITIVE_INFINITY)
    return left.length > 0 && left.every((each) => each <= 0)
  }

  /** Returns the function that removes the listener. That function returns whether the listener was still registered. */
  add(listener: ExitListener): () => boolean {
    this.#listeners.add(listener)
    // In a microtask, because a drain registers in its constructor and is not complete yet.
    if (this.#cause) queueMicrotask(() => this.#endLate(listener))
    return () => this.#listeners.delete(listener)
  }

  /** Ends all drains, including drains that register during the end. Resolves with whether all were clean. */
  async end(cause: ExitCause): Promise<boolean> {
    this.#cause = cause
    this.#begunAt = performance.now()
    for (const listener of [...this.#listeners]) this.#results.set(listener, listener.end(cause))
    for (;;) {
      const results = [...this.#results.values()]
      const clean = await Promise.all(results)
      if (results.length === this.#results.size) return !clean.includes(false)
    }
  }

  /** Passes on a signal that comes after an error has already begun the end. */
  join(signal: Signal): void {
    for (const listener of this.#listeners) void listener.end({ signal })
  }

  /** Passes on a further error, or the signal that forces the exit. */
  again(cause: ExitCause): void {
    for (const listener of this.#listeners) listener.again(cause)
  }

  /** Called when other code exits the process before all drains have ended. Returns whether the exit cuts something. */
  cutShort(): boolean {
    return [...this.#listeners].map((listener) => listener.cut?.() ?? false).includes(true)
  }

  #endLate(listener: ExitListener): void {
    if (!this.#cause || !this.#listeners.has(listener)) return
    this.#results.set(listener, listener.end({ ...this.#cause, ago: performance.now() - this.#begunAt }))
  }
}
