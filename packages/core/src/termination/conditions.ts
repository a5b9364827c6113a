import { describe } from '../shared/errors.js'
import type { Logger } from '../shared/log.js'
import type { SettleCondition, SettleVerdict } from '../shared/states.js'

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
   * Whether load balancers have stopped sending, by all conditions: `false` outweighs `undefined`, that outweighs `'soon'`, and that
   * outweighs `true`. A condition that throws is logged and removed.
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
      // `undefined` is falsy, and stays; of the others `true` gives way.
      all = all && (one === true ? all : one)
    }
    return all
  }
}
