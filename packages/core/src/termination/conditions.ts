import { describe } from '../shared/errors.js'
import type { Logger } from '../shared/log.js'
import type { SettleCondition, SettleVerdict } from '../shared/states.js'

/** The conditions of `Drain.settledWhen`, by which the application or a plugin says whether load balancers still send. */
export class SettleConditions {
  readonly #logger: Logger
  readonly #conditions = new Set<SettleCondition>()

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** @returns The function that removes the condition. */
  add(condition: SettleCondition): () => void {
    this.#conditions.add(condition)
    return () => void this.#conditions.delete(condition)
  }

  /**
   * Combines the verdicts of all conditions. `false` takes precedence, then `undefined`, then `'soon'`, then `true`. undefined if
   * there are no conditions. A condition that throws is logged and removed, and counts as `undefined` this time.
   */
  verdict(): SettleVerdict {
    let all: SettleVerdict = this.#conditions.size > 0 ? true : undefined
    for (const condition of this.#conditions) {
      let one: SettleVerdict
      try {
        one = condition()
      } catch (error) {
        this.#logger.error(`a condition of settledWhen() failed: ${describe(error)}`)
        this.#conditions.delete(condition)
      }
      if (one === false) return false
      // If `all` is undefined, it stays undefined. Otherwise it becomes `one`, unless `one` is true.
      all = all && (one === true ? all : one)
    }
    return all
  }
}
