import type { RehearsalEvent } from './events.js'

/** Which pods get new connections, from at least one of the nodes that clients are on. */
export class Routes {
  readonly #ofNodes = new Map<number, readonly string[]>()

  /** Those that do after this event. */
  heed({ node = 1, pods }: Extract<RehearsalEvent, { type: 'endpoints' }>): ReadonlySet<string> {
    this.#ofNodes.set(node, pods)
    return new Set([...this.#ofNodes.values()].flat())
  }
}
