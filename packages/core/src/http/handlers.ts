import type { Clock } from '../shared/clock.js'
import { pathOf } from '../shared/request.js'
import type { HandlerRun } from './connection.js'

interface AbandonedHandler {
  readonly name: string
  readonly since: number
}

/**
 * Request handlers that still run although their client has disconnected. Their requests are not in flight any more, but the
 * handlers use what the `onClose` hooks close, so a drain waits for them. After the timeout podrain assumes that a handler hangs:
 * the drain does not wait for it any longer, and does not keep it in memory.
 */
export class AbandonedHandlers {
  readonly #clock: Clock
  readonly #timeout: number
  readonly #onFinished: () => void
  /** The oldest first. */
  readonly #handlers = new Set<AbandonedHandler>()

  /** @param timeout Milliseconds that a drain waits for a handler after its client has disconnected. */
  constructor(clock: Clock, timeout: number, onFinished: () => void) {
    this.#clock = clock
    this.#timeout = timeout
    this.#onFinished = onFinished
  }

  /** @param url The URL that the client requested, if known. The application may have changed `request.url` since. */
  add({ promise, unseen, request }: HandlerRun, url?: string): void {
    this.#forgetOld()
    const name = `${request.method} ${pathOf(url === undefined ? request : { url })}, whose client has gone`
    const handler = { name, since: this.#clock.now() }
    this.#handlers.add(handler)
    const finish = (): void => {
      if (this.#handlers.delete(handler)) this.#onFinished()
    }
    promise.then(finish, (error) => {
      finish()
      if (unseen) throw error // our listener must not hide an unhandled rejection
    })
  }

  get size(): number {
    this.#forgetOld()
    return this.#handlers.size
  }

  get names(): string[] {
    this.#forgetOld()
    return [...this.#handlers].map(({ name }) => name)
  }

  #forgetOld(): void {
    const oldest = this.#clock.now() - this.#timeout
    for (const handler of this.#handlers) {
      if (handler.since > oldest) return
      this.#handlers.delete(handler)
    }
  }
}
