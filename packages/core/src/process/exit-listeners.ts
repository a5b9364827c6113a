import type { Signal } from './signals.js'

/** Why the process is to exit. */
export type ExitCause = ({ readonly signal: Signal } | { readonly error: unknown }) & {
  /** Milliseconds since it happened, for a drain that was created later. @default 0 */
  readonly ago?: number
}

/** What a drain registers with its process. */
export interface ExitListener {
  readonly signals: readonly Signal[]
  readonly errors: boolean
  /** Signals that may come more than once, so that the second one forces nothing. @default none */
  readonly repeats?: readonly Signal[]
  /**
   * Called with the first signal or fatal error, and with the first signal after an error. The process exits once the
   * promise has resolved: with 0 for `true`, otherwise with 1.
   */
  end(cause: ExitCause): Promise<boolean>
  /** Called with a further error during the drain, or with the signal that now forces the exit. */
  again(cause: ExitCause): void
  /** Called when something else exits the process. Returns whether that cuts something. @default it cuts nothing */
  cut?(): boolean
  /** Milliseconds until the process must have exited. @default no deadline */
  left?(): number
  /** Called with a line for the log about the process. */
  info?(message: string): void
  /**
   * Called with a warning for the log: something may keep signals from the drain, or end the process before the drain
   * does.
   */
  warn?(message: string): void
}

/** The source of signals and fatal errors, and the way to exit. Tests replace it. */
export interface ExitSource {
  /** Returns the function that removes the listener. */
  register(listener: ExitListener): () => void
  /**
   * Whether another process of the pod outlives this one, so that the kernel can still send what it holds.
   * @default false
   */
  readonly outlived?: boolean
}

/**
 * The drains that must end before a process or thread may exit, including those that register after the end has begun.
 */
export class ExitListeners {
  readonly #listeners = new Set<ExitListener>()
  /** The end of each drain, and whether it was clean. A drain that was removed stays here. */
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

  /** Returns the function that removes the listener. That returns whether the listener was registered. */
  add(listener: ExitListener): () => boolean {
    this.#listeners.add(listener)
    // Asynchronously, because a drain registers in its constructor.
    if (this.#cause) queueMicrotask(() => this.#endLate(listener))
    return () => this.#listeners.delete(listener)
  }

  /** Ends all drains, including those that register meanwhile. Resolves with whether all were clean. */
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

  /** Passes on a signal that comes after an error has begun the end. */
  join(signal: Signal): void {
    for (const listener of this.#listeners) void listener.end({ signal })
  }

  /** Passes on a further error, or the signal that forces the exit. */
  again(cause: ExitCause): void {
    for (const listener of this.#listeners) listener.again(cause)
  }

  /** Something else exits the process before all have ended. Returns whether that cuts something. */
  cutShort(): boolean {
    return [...this.#listeners].map((listener) => listener.cut?.() ?? false).includes(true)
  }

  #endLate(listener: ExitListener): void {
    if (!this.#cause || !this.#listeners.has(listener)) return
    this.#results.set(listener, listener.end({ ...this.#cause, ago: performance.now() - this.#begunAt }))
  }
}
