import { describe } from '../shared/errors.js'
import type { Logger } from '../shared/log.js'
import type { SettleCondition } from '../shared/states.js'

/** What the application or a plugin knows of load balancers: see `Drain.settledWhen`. */
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
   * Whether load balancers have stopped sending, by all conditions: `false` outweighs `undefined`, and that outweighs
   * `true`. A condition that throws is logged and removed.
   */
  verdict(): boolean | undefined {
    let all: boolean | undefined = this.#conditions.size > 0 ? true : undefined
    for (const condition of this.#conditions) {
      let one: boolean | undefined
      try {
        one = condition()
      } catch (error) {
        this.#logger.error(`a condition of settledWhen() failed: ${describe(error)}`)
        this.#conditions.delete(condition)
      }
      if (one === false) return false
      all &&= one
    }
    return all
  }
}
