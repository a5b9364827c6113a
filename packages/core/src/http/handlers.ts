import type { Clock } from '../shared/clock.js'
import { routeOf } from '../shared/request.js'
import type { Handling } from './connection.js'

interface AbandonedHandler {
  readonly name: string
  readonly since: number
}

/**
 * Handlers that still run though their client has gone. Nothing is in flight any more, but they use what the `onClose` hooks
 * close. One that has not ended soon waits for something that never comes: it is not waited for, nor kept in memory.
 */
export class AbandonedHandlers {
  readonly #clock: Clock
  readonly #limit: number
  readonly #onEnd: () => void
  /** The oldest first. */
  readonly #handlers = new Set<AbandonedHandler>()

  /** @param limit Milliseconds from when the client has gone */
  constructor(clock: Clock, limit: number, onEnd: () => void) {
    this.#clock = clock
    this.#limit = limit
    this.#onEnd = onEnd
  }

  /** @param url What was asked for, where that is known: the application may have changed the request since. */
  add({ promise, unseen, request }: Handling, url?: string): void {
    this.#forgetOld()
    const name = `${request.method} ${routeOf(url === undefined ? request : { url })}, whose client has gone`
    const handler = { name, since: this.#clock.now() }
    this.#handlers.add(handler)
    const end = (): void => {
      if (this.#handlers.delete(handler)) this.#onEnd()
    }
    promise.then(end, (error) => {
      end()
      if (unseen) throw error // to have looked at it must not hide it
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
    const oldest = this.#clock.now() - this.#limit
    for (const handler of this.#handlers) {
      if (handler.since > oldest) return
      this.#handlers.delete(handler)
    }
  }
}
