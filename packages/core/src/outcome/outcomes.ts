import { ofProcess } from '../shared/of-process.js'
import { type Outcome, together } from './outcome.js'
import { sameEnd, writeMessage } from './termination-log.js'

interface Told {
  readonly outcome: Outcome
  /** The file for the message. undefined for the outcome of a worker, because the primary has the file. */
  readonly path: string | undefined
}

/** The outcomes of all drains of this process and of its workers: a container has one termination message. */
class Outcomes {
  readonly #told = new Map<object, Told>()

  /**
   * Takes in an outcome, and writes the message.
   * @param teller The drain, or the handle of a worker.
   * @param outcome undefined if the drain was undone, and the process serves again.
   * @param path The file for the message.
   * @throws {Error} from node:fs
   */
  tell(teller: object, outcome: Outcome | undefined, path?: string): void {
    if (outcome === undefined) this.#told.delete(teller)
    else {
      this.#told.set(teller, { outcome, path })
      this.#forget(Date.parse(outcome.startedAt))
    }
    const paths = new Set([path, ...[...this.#told.values()].map((told) => told.path)])
    for (const file of paths) {
      if (file === undefined) continue
      const told = [...this.#told.values()].filter((one) => one.path === file || one.path === undefined)
      writeMessage(file, together(told.map((one) => one.outcome)))
    }
  }

  /** Called when a worker has exited. If it had not finished its drain, the rest is lost, unless it exited with 0. */
  exited(worker: object, well: boolean): void {
    const told = this.#told.get(worker)
    if (told?.outcome.outcome !== 'draining') return
    if (well) this.#told.delete(worker)
    else this.#told.set(worker, { ...told, outcome: { ...told.outcome, outcome: 'cut' } })
  }

  /** Drops outcomes of drains that ended long before a drain that begins now. */
  #forget(began: number): void {
    for (const [teller, { outcome }] of this.#told) {
      const isOver = outcome.outcome !== 'draining'
      if (isOver && began - Date.parse(outcome.startedAt) > sameEnd) this.#told.delete(teller)
    }
  }
}

/** The outcomes of this process. All copies of the package share them. */
export function outcomesOfProcess(): Outcomes {
  return ofProcess('outcomes', () => new Outcomes())
}
