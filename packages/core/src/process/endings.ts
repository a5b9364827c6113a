import type { Signal } from './signals.js'

/** Why the process is to end. */
export type ExitCause = ({ readonly signal: Signal } | { readonly error: unknown }) & {
  /** Milliseconds since it happened, for a drain that is made afterwards. @default 0 */
  readonly ago?: number
}

/** What a drain asks of its process. */
export interface ExitListener {
  readonly signals: readonly Signal[]
  readonly errors: boolean
  /**
   * The first signal or fatal error, or the first signal after an error. The process exits once this resolves: with 0 for
   * `true`, else with 1.
   */
  end(cause: ExitCause): Promise<boolean>
  /** A further error while the end is under way, or the signal that now forces it. */
  again(cause: ExitCause): void
  /** Somebody else exits the process. Returns whether that cuts something. @default it cuts nothing */
  cut?(): boolean
  /** Milliseconds that are left until the process has to be gone. @default none */
  left?(): number
  /** Something about the process that whoever reads the log should know. */
  info?(message: string): void
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

/** All who have to end before a process, or a thread, may exit: also who comes when the end has begun. */
export class Endings {
  readonly #listeners = new Set<ExitListener>()
  /** Whether each was clean. Who has left is still here. */
  readonly #ends = new Map<ExitListener, Promise<boolean>>()
  #cause: ExitCause | undefined
  #begunAt = 0

  get listeners(): ReadonlySet<ExitListener> {
    return this.#listeners
  }

  /** The first of those that were ended, for what there is to say. */
  get first(): ExitListener | undefined {
    return [...this.#ends.keys()][0]
  }

  /** Milliseconds until the first of them has to be gone. */
  get left(): number {
    const left = [...this.#ends.keys()].flatMap((listener) => listener.left?.() ?? [])
    return left.length === 0 ? 0 : Math.min(...left)
  }

  /** Whether the time of all is up. */
  get late(): boolean {
    const left = [...this.#ends.keys()].map((listener) => listener.left?.() ?? Number.POSITIVE_INFINITY)
    return left.length > 0 && left.every((each) => each <= 0)
  }

  /** Returns the function that takes it away, which says whether it was there. */
  add(listener: ExitListener): () => boolean {
    this.#listeners.add(listener)
    // Not at once: whoever registers is still being made.
    if (this.#cause) queueMicrotask(() => this.#endLate(listener))
    return () => this.#listeners.delete(listener)
  }

  /** Ends all. Resolves, once nobody is left, with whether all were clean. */
  async end(cause: ExitCause): Promise<boolean> {
    this.#cause = cause
    this.#begunAt = performance.now()
    for (const listener of this.#listeners) this.#ends.set(listener, listener.end(cause))
    for (;;) {
      const ends = [...this.#ends.values()]
      const clean = await Promise.all(ends)
      if (ends.length === this.#ends.size) return !clean.includes(false)
    }
  }

  /** A signal joins an end that an error has begun. */
  join(signal: Signal): void {
    for (const listener of this.#listeners) void listener.end({ signal })
  }

  /** An error comes when the end has begun, or the signal that forces it. */
  again(cause: ExitCause): void {
    for (const listener of this.#listeners) listener.again(cause)
  }

  /** Somebody exits the process before all have ended. Returns whether that cuts something. */
  cutShort(): boolean {
    return [...this.#listeners].map((listener) => listener.cut?.() ?? false).includes(true)
  }

  #endLate(listener: ExitListener): void {
    if (!this.#cause || !this.#listeners.has(listener)) return
    this.#ends.set(listener, listener.end({ ...this.#cause, ago: performance.now() - this.#begunAt }))
  }
}
