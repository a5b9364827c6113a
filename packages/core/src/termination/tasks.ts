import { AbandonedHandlers } from '../http/handlers.js'
import { type Clock, longestTimer } from '../shared/clock.js'
import { describe } from '../shared/errors.js'
import type { Logger } from '../shared/log.js'

/** The options of `Drain.waitUntil()`. */
export interface TaskOptions {
  /** The name in the log and the report. @default 'task' */
  name?: string
  /**
   * Milliseconds after which the task is not waited for any more. The report then names it. @default as long as the
   * drain has time
   */
  timeout?: number
}

interface Task {
  readonly name: string
  /** Whether its timeout has passed. It is not waited for any more. */
  overdue: boolean
}

/** Background work that must finish before the process may exit. */
export class Tasks {
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #onIdle: () => void
  readonly #tasks = new Set<Task>()
  /** Handlers whose client has disconnected. They are waited for like tasks. */
  readonly abandoned: AbandonedHandlers
  #waitedFor = 0

  /** @param handlerTimeout Milliseconds that a handler is waited for after its client has disconnected. */
  constructor(clock: Clock, logger: Logger, handlerTimeout: number, onIdle: () => void) {
    this.#clock = clock
    this.#logger = logger
    this.#onIdle = onIdle
    this.abandoned = new AbandonedHandlers(clock, handlerTimeout, onIdle)
  }

  /** Number of tasks and handlers that are waited for. */
  get size(): number {
    return this.#waitedFor + this.abandoned.size
  }

  /** Names of the tasks and handlers that are waited for. */
  get names(): string[] {
    return [...this.#tasks]
      .filter(({ overdue }) => !overdue)
      .map(({ name }) => name)
      .concat(this.abandoned.names)
  }

  /** Names of all tasks and handlers that have not finished, including those that are overdue. */
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
    const finish = (): void => {
      cancel?.()
      this.#tasks.delete(task)
      if (!task.overdue) this.#leave()
    }
    // The promise's own `then` may throw synchronously.
    Promise.resolve(promise).then(finish, (error) => {
      this.#logger.error(`task "${name}" failed: ${describe(error)}`)
      finish()
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
