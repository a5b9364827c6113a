import type { Clock } from '@podrain/core'
import type { Counted } from './data.js'
import { type Kind, kinds } from './objects.js'

interface Gauge {
  open: number
  most: number
  /** Watches × milliseconds, up to `since`. */
  sum: number
  since: number
}

/** Counts the requests, the bytes and the open watches of an API. */
export class Tally {
  readonly #clock: Clock
  #begun: number
  #requests: Record<string, number> = {}
  #bytes: Record<string, number> = {}
  readonly #gauges = new Map<Kind, Gauge>()

  constructor(clock: Clock) {
    this.#clock = clock
    this.#begun = clock.now()
    for (const kind of Object.keys(kinds) as Kind[]) {
      this.#gauges.set(kind, { open: 0, most: 0, sum: 0, since: this.#begun })
    }
  }

  answered(what: string): void {
    this.#requests[what] = (this.#requests[what] ?? 0) + 1
  }

  sent(what: string, bytes: number): void {
    this.#bytes[what] = (this.#bytes[what] ?? 0) + bytes
  }

  /** Counts a watch that was opened (1) or closed (-1). */
  watch(kind: Kind, by: 1 | -1): void {
    const gauge = this.#upToNow(kind)
    gauge.open += by
    gauge.most = Math.max(gauge.most, gauge.open)
  }

  /** The number of open watches. */
  open(kind: Kind): number {
    return this.#gauges.get(kind)?.open ?? 0
  }

  /** Returns the counts since the last call, and starts counting anew. */
  take(): Counted {
    const now = this.#clock.now()
    const ms = now - this.#begun
    const watches = {} as Record<Kind, { mean: number; most: number }>
    for (const kind of this.#gauges.keys()) {
      const gauge = this.#upToNow(kind)
      watches[kind] = { mean: ms === 0 ? gauge.open : gauge.sum / ms, most: gauge.most }
      Object.assign(gauge, { most: gauge.open, sum: 0 })
    }
    const taken = { seconds: ms / 1000, requests: this.#requests, bytes: this.#bytes, watches }
    this.#requests = {}
    this.#bytes = {}
    this.#begun = now
    return taken
  }

  #upToNow(kind: Kind): Gauge {
    const gauge = this.#gauges.get(kind) as Gauge
    const now = this.#clock.now()
    gauge.sum += gauge.open * (now - gauge.since)
    gauge.since = now
    return gauge
  }
}
