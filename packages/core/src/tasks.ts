import { describe } from './hooks.js'
import type { Logger } from './log.js'

export interface TaskOptions {
  /** The name in the log and the report. @default 'task' */
  name?: string
}

/** Background work that must end before the process may. */
export class Tasks {
  readonly #logger: Logger
  readonly #onIdle: () => void
  readonly #names = new Map<object, string>()

  constructor(logger: Logger, onIdle: () => void) {
    this.#logger = logger
    this.#onIdle = onIdle
  }

  get size(): number {
    return this.#names.size
  }

  /** Names of what is still running. */
  get names(): string[] {
    return [...this.#names.values()]
  }

  add(promise: PromiseLike<unknown>, { name = 'task' }: TaskOptions): void {
    if (typeof promise?.then !== 'function') {
      throw new TypeError(`waitUntil() expected a promise for task "${name}", got ${typeof promise}`)
    }
    const key = {}
    this.#names.set(key, name)
    const end = (): void => {
      this.#names.delete(key)
      if (this.#names.size === 0) this.#onIdle()
    }
    promise.then(end, (error) => {
      this.#logger.error(`task "${name}" failed: ${describe(error)}`)
      end()
    })
  }
}
