import { systemClock, timedOut, within } from '../shared/clock.js'
import { describe } from '../shared/errors.js'
import type { Logger } from '../shared/log.js'
import { overdueCheckRest } from '../shared/timing.js'

/** Throws or rejects when the application is not fit to serve. The signal aborts when the time is up. */
export type Check = (signal: AbortSignal) => unknown

export type CheckOutcome = 'ok' | 'failed' | 'timed out'

/** The application's own conditions for being ready. */
export class Checks {
  readonly #checks: [name: string, check: Check][]
  readonly #timeout: number
  readonly #logger: Logger
  readonly #last = new Map<string, CheckOutcome>()
  /** When the checks began that still go on after their time. */
  readonly #overdue = new Map<string, number>()
  #running: Promise<Record<string, CheckOutcome>> | undefined

  constructor(checks: Readonly<Record<string, Check>>, timeout: number, logger: Logger) {
    this.#checks = Object.entries(checks)
    this.#timeout = timeout
    this.#logger = logger
  }

  /**
   * Runs all at once. A probe that comes while they run joins them, so that a slow database is not asked twice. One that still
   * goes on after its time is not begun anew by every probe either, or what hangs would pile up.
   */
  run(): Promise<Record<string, CheckOutcome>> {
    this.#running ??= Promise.all(
      this.#checks.map(async ([name, check]) => [name, await this.#run(name, check)] as const),
    )
      .then(Object.fromEntries<CheckOutcome>)
      .finally(() => {
        this.#running = undefined
      })
    return this.#running
  }

  async #run(name: string, check: Check): Promise<CheckOutcome> {
    const began = systemClock.now()
    // What hangs may hang for ever, on a connection that is gone, so after a rest another one is tried beside it.
    if (began - (this.#overdue.get(name) ?? Number.NEGATIVE_INFINITY) < overdueCheckRest) return 'timed out'
    const abort = new AbortController()
    const running = (async () => check(abort.signal))()
    let outcome: CheckOutcome = 'ok'
    let why = ''
    try {
      if ((await within(systemClock, this.#timeout, running)) === timedOut) {
        outcome = 'timed out'
        why = ` after ${this.#timeout} ms`
        this.#overdue.set(name, began)
        const over = (): void => {
          if (this.#overdue.get(name) === began) this.#overdue.delete(name)
        }
        running.then(over, over)
        abort.abort()
      }
    } catch (error) {
      outcome = 'failed'
      why = `: ${describe(error)}`
    }
    // A probe comes every second: say it once. The caller learns no details, they may hold secrets.
    const before = this.#last.get(name) ?? 'ok'
    this.#last.set(name, outcome)
    if (outcome !== 'ok' && before === 'ok') this.#logger.warn(`readiness check "${name}" ${outcome}${why}`)
    if (outcome === 'ok' && before !== 'ok') this.#logger.info(`readiness check "${name}" is ok again`)
    return outcome
  }
}
