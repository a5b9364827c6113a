import { AbandonedHandlers } from '../http/handlers.js'
import { type Clock, longestTimer } from '../shared/clock.js'
import { describe } from '../shared/errors.js'
import type { Logger } from '../shared/log.js'

export interface TaskOptions {
  /** The name in the log and the report. @default 'task' */
  name?: string
  /** Milliseconds after which it is not waited for any more, and the report names it. @default as long as the drain has time */
  timeout?: number
}

interface Task {
  readonly name: string
  /** It has had its time, and is not waited for any more. */
  overdue: boolean
}

/** Background work that must end before the process may. */
export class Tasks {
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #onIdle: () => void
  readonly #tasks = new Set<Task>()
  /** Handlers without a client, which are waited for as tasks are. */
  readonly abandoned: AbandonedHandlers
  #waitedFor = 0

  /** @param handlerLimit Milliseconds that a handler is waited for after its client has gone */
  constructor(clock: Clock, logger: Logger, handlerLimit: number, onIdle: () => void) {
    this.#clock = clock
    this.#logger = logger
    this.#onIdle = onIdle
    this.abandoned = new AbandonedHandlers(clock, handlerLimit, onIdle)
  }

  /** How many there are to wait for. */
  get size(): number {
    return this.#waitedFor + this.abandoned.size
  }

  /** Names of what is waited for. */
  get names(): string[] {
    return [...this.#tasks]
      .filter(({ overdue }) => !overdue)
      .map(({ name }) => name)
      .concat(this.abandoned.names)
  }

  /** Names of what has not ended, waited for or not. */
  get unfinished(): string[] {
    return [...this.#tasks].map(({ name }) => name).concat(this.abandoned.names)
  }

  add(promise: PromiseLike<unknown>, { name = 'task', timeout }: TaskOptions): void {
    if (typeof promise?.then !== 'function') {
      throw new TypeError(`waitUntil() expected a promise for task "${name}", got ${typeof promise}`)
    }
    if (timeout !== undefined && !(timeout >= 0)) {
      throw new RangeError(`Expected \`timeout\` of task "${name}" to be 0 or more milliseconds, got \`${timeout}\``)
    }
    const task: Task = { name, overdue: false }
    this.#tasks.add(task)
    this.#waitedFor++
    const cancel =
      timeout === undefined || timeout > longestTimer
        ? undefined
        : this.#clock.after(timeout, () => this.#expire(task, timeout))
    const end = (): void => {
      cancel?.()
      this.#tasks.delete(task)
      if (!task.overdue) this.#leave()
    }
    // Not its own `then`, which may throw.
    Promise.resolve(promise).then(end, (error) => {
      this.#logger.error(`task "${name}" failed: ${describe(error)}`)
      end()
    })
  }

  #expire(task: Task, timeout: number): void {
    task.overdue = true
    this.#logger.error(`task "${task.name}" did not end within ${timeout} ms; it is not waited for any more`)
    this.#leave()
  }

  #leave(): void {
    this.#waitedFor--
    if (this.#waitedFor === 0) this.#onIdle()
  }
}
