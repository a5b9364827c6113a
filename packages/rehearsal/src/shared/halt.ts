import { setTimeout as sleep } from 'node:timers/promises'

/** Ends what takes its time before its time: it fails, or it is cut short and what it has done by then counts. */
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

  /** Something went wrong. Only the first of all calls counts. */
  readonly fail = (error: unknown): void => {
    this.#controller.abort(error)
  }

  /** It has to end now. `error` is for those who cannot use what was done by then. */
  readonly cut = (why: string, error: unknown = new Error(why)): void => {
    if (this.#controller.signal.aborted) return
    this.#cut = why
    this.#controller.abort(error)
  }

  /** Settles as the promise does, or rejects at once when this halts. */
  orElse<T>(promise: Promise<T>): Promise<T> {
    return Promise.race([promise, this.#halted])
  }

  /** Resolves with null when the promise has, and with why at once when it is cut short. Rejects when one of them fails. */
  async orCut(promise: Promise<unknown>): Promise<string | null> {
    try {
      await this.orElse(promise)
      return null
    } catch (error) {
      if (this.#cut === undefined) throw error
      return this.#cut
    }
  }

  /** Waits so many ms. Rejects at once when this halts. */
  pause(ms: number): Promise<void> {
    return sleep(ms, undefined, { signal: this.#controller.signal })
  }

  throwIfFailed(): void {
    if (this.#cut === undefined) this.#controller.signal.throwIfAborted()
  }
}
