import { setTimeout as sleep } from 'node:timers/promises'

/** Ends a running promise early: it fails, or it is cut short and what it has done so far counts. */
export class Halt {
  readonly #controller = new AbortController()
  readonly #halted: Promise<never>
  #cut: string | undefined

  constructor() {
    const { signal } = this.#controller
    this.#halted = new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    })
    this.#halted.catch(() => {})
  }

  /** Ends the promise with an error. Only the first call of `fail` or `cut` counts. */
  readonly fail = (error: unknown): void => {
    this.#controller.abort(error)
  }

  /** Cuts the promise short, for the reason `why`. {@link orElse} rejects with `error`, because its caller cannot use a partial result. */
  readonly cut = (why: string, error: unknown = new Error(why)): void => {
    if (this.#controller.signal.aborted) return
    this.#cut = why
    this.#controller.abort(error)
  }

  /** Settles as the promise does, or rejects at once after `fail` or `cut`. */
  orElse<T>(promise: Promise<T>): Promise<T> {
    return Promise.race([promise, this.#halted])
  }

  /** Resolves with null when the promise resolves, or at once with the reason of `cut`. Rejects when the promise does, or at once after `fail`. */
  async orCut(promise: Promise<unknown>): Promise<string | null> {
    try {
      await this.orElse(promise)
      return null
    } catch (error) {
      if (this.#cut === undefined) throw error
      return this.#cut
    }
  }

  /** Waits `ms` milliseconds. Rejects at once after `fail` or `cut`. */
  pause(ms: number): Promise<void> {
    return sleep(ms, undefined, { signal: this.#controller.signal })
  }

  throwIfFailed(): void {
    if (this.#cut === undefined) this.#controller.signal.throwIfAborted()
  }
}
