import { systemClock, timedOut, within } from '../shared/clock.js'
import { describe } from '../shared/errors.js'
import type { Logger } from '../shared/log.js'
import { overdueCheckRest } from '../shared/timing.js'

/**
 * A condition for being ready. It throws or rejects if the application cannot serve.
 * @param signal Aborts after `checkTimeout`.
 */
export type Check = (signal: AbortSignal) => unknown

/** The outcome of a readiness check, as `/readyz` shows it. */
export type CheckOutcome = 'ok' | 'failed' | 'timed out'

/** The application's readiness checks. */
export class Checks {
  readonly #checks: [name: string, check: Check][]
  readonly #timeout: number
  readonly #logger: Logger
  readonly #last = new Map<string, CheckOutcome>()
  /** Checks that have timed out and have not finished, each with the time when it began. */
  readonly #overdue = new Map<string, number>()
  #running: Promise<Record<string, CheckOutcome>> | undefined

  constructor(checks: Readonly<Record<string, Check>>, timeout: number, logger: Logger) {
    this.#checks = Object.entries(checks)
    this.#timeout = timeout
    this.#logger = logger
  }

  /**
   * Runs all checks at the same time. A probe that arrives while they run gets the same result, so that a slow database is
   * not queried twice. A check that has timed out does not run again at every probe, because hanging checks would pile up.
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
    // The check may hang for ever on a dead connection, so after `overdueCheckRest` the check runs again.
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
    // Probes come every second, so only a change is logged. The caller gets no details, which may contain secrets.
    const before = this.#last.get(name) ?? 'ok'
    this.#last.set(name, outcome)
    if (outcome !== 'ok' && before === 'ok') this.#logger.warn(`readiness check "${name}" ${outcome}${why}`)
    if (outcome === 'ok' && before !== 'ok') this.#logger.info(`readiness check "${name}" is ok again`)
    return outcome
  }
}
