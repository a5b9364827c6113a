import type { Verdict } from '@podrain/rehearsal'

/** A rehearsal that was run. Sizes in bytes, times in milliseconds. */
export interface Rehearsed {
  readonly replicas: number
  readonly clients: number
  /** Minutes of load after the rolling update. */
  readonly minutes: number
  readonly duration: number
  readonly requests: number
  readonly lost: number
  readonly verdict: Verdict
  /** The longest time for which an event loop was blocked: that of the simulated kubelet, and that of the clients. */
  readonly heldUp: number
  readonly loadHeldUp: number
  /** The largest resident set of the process with all its threads, before the page is rendered. */
  readonly memory: number
  readonly json: number
  readonly page: number
  /** How long the page took to render. */
  readonly rendered: number
}

/** A synthetic result with a given number of lost requests. Sizes in bytes, times in milliseconds. */
export interface Rendered {
  readonly pods: number
  readonly lost: number
  readonly minutes: number
  readonly json: number
  readonly page: number
  readonly concluded: number
  readonly rendered: number
  readonly memory: number
}

/** The stored result of the bench. Its page is written from it. */
export interface RehearsalData {
  readonly rehearsed: readonly Rehearsed[]
  readonly rendered: readonly Rendered[]
  /** Requests per second of all clients together. */
  readonly rate: number
  /** The timeout of a readiness probe. A rehearsal whose event loop is blocked for that long cannot be trusted. */
  readonly probe: number
}
