import type { Endpoint } from '../load/endpoint.js'
import type { EndpointLag } from '../plan/options.js'
import type { Random } from '../shared/random.js'

/** The conditions of an endpoint, as in an EndpointSlice. */
export interface Conditions {
  readonly serving: boolean
  readonly terminating: boolean
}

/** Draws a delay in ms: linear from min to median in one half of the cases, from median to max in the other. */
export function drawLag({ min, median, max }: EndpointLag, random: Random): number {
  const quantile = random()
  if (quantile < 0.5) return min + (median - min) * quantile * 2
  return median + (max - median) * (quantile - 0.5) * 2
}

/** What the Service reports. */
export interface ServiceListener {
  /** From now on, new connections go to these endpoints. With no endpoint they are refused. */
  onRoutes(endpoints: readonly Endpoint[]): void
}

/** The Service as the clients of one node see it: the node's kube-proxy learns of every change late, and in order. */
export class Service {
  readonly #lag: EndpointLag
  readonly #lagRandom: Random
  readonly #listener: ServiceListener
  readonly #known = new Map<Endpoint, Conditions>()
  readonly #timers = new Set<NodeJS.Timeout>()
  /** Changes not applied yet. Each timer takes the oldest, because timers due in the same millisecond may fire in any order. */
  readonly #underway: Array<[Endpoint, Conditions | null]> = []
  #lastApplied = 0
  #routes: readonly Endpoint[] = []
  #onSettled: () => void = () => {}

  constructor(lag: EndpointLag, lagRandom: Random, listener: ServiceListener) {
    this.#lag = lag
    this.#lagRandom = lagRandom
    this.#listener = listener
  }

  /** Makes a change known to the clients after a delay, never before an earlier change. `null` removes the endpoint. */
  update(endpoint: Endpoint, conditions: Conditions | null): void {
    const now = performance.now()
    this.#lastApplied = Math.max(this.#lastApplied, now + drawLag(this.#lag, this.#lagRandom))
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      const change = this.#underway.shift()
      if (change !== undefined) this.apply(...change)
      if (this.#timers.size === 0) this.#onSettled()
    }, this.#lastApplied - now)
    this.#underway.push([endpoint, conditions])
    this.#timers.add(timer)
  }

  /** Makes a change known at once, for pods that are there before the scenario begins. */
  apply(endpoint: Endpoint, conditions: Conditions | null): void {
    if (conditions === null) this.#known.delete(endpoint)
    else this.#known.set(endpoint, conditions)
    const before = this.#routes
    this.#routes = this.#routable()
    if (namesOf(before).join() !== namesOf(this.#routes).join()) this.#listener.onRoutes(this.#routes)
  }

  /** Resolves when the clients know of every change so far. */
  settled(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#timers.size === 0) resolve()
      else this.#onSettled = resolve
    })
  }

  /** Drops the changes that are not applied yet. */
  close(): void {
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
  }

  /** The ready endpoints. Without any, the endpoints that are terminating but still serving (KEP-1669). */
  #routable(): Endpoint[] {
    const serving = [...this.#known].filter(([, conditions]) => conditions.serving)
    const ready = serving.filter(([, conditions]) => !conditions.terminating)
    return (ready.length > 0 ? ready : serving).map(([endpoint]) => endpoint)
  }
}

function namesOf(endpoints: readonly Endpoint[]): string[] {
  return endpoints.map(({ name }) => name)
}
