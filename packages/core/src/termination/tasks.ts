import { AbandonedHandlers } from '../http/handlers.js'
import type { Clock } from '../shared/clock.js'
import { describe } from '../shared/errors.js'
import type { Logger } from '../shared/log.js'
import { longestTimer } from '../shared/timing.js'

/** The options of `Drain.waitUntil()`. */
export interface TaskOptions {
  /** The name in the log and the report. @default 'task' */
  name?: string
  /**
   * Milliseconds after which the drain stops waiting for the task. The report then names the task. @default none: the drain waits until
   * its deadline
   */
  timeout?: number
}

interface Task {
  readonly name: string
  /** Whether its timeout has passed. The drain then does not wait for it any longer. */
  overdue: boolean
}

/** Background work that must finish before the process may exit. */
export class Tasks {
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #onIdle: () => void
  readonly #tasks = new Set<Task>()
  /** Handlers whose client has disconnected. A drain waits for them as for tasks. */
  readonly abandoned: AbandonedHandlers
  #waitedFor = 0

  /** @param handlerTimeout Milliseconds that a drain waits for a handler after its client has disconnected. */
  constructor(clock: Clock, logger: Logger, handlerTimeout: number, onIdle: () => void) {
    this.#clock = clock
    this.#logger = logger
    this.#onIdle = onIdle
    this.abandoned = new AbandonedHandlers(clock, handlerTimeout, onIdle)
  }

  /** Number of tasks and handlers for which the drain waits. */
  get size(): number {
    return this.#waitedFor + this.abandoned.size
  }

  /** Names of the tasks and handlers for which the drain waits. */
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
    // `Promise.resolve` also handles a thenable whose `then` throws synchronously.
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
