import type { RehearsalEvent } from './events.js'

/** Which pods get new connections from at least one of the clients' nodes. */
export class Routes {
  readonly #ofNodes = new Map<number, readonly string[]>()

  /** Takes an event, and returns the names of these pods after it. */
  heed({ node = 1, pods }: Extract<RehearsalEvent, { type: 'endpoints' }>): ReadonlySet<string> {
    this.#ofNodes.set(node, pods)
    return new Set([...this.#ofNodes.values()].flat())
  }
}
