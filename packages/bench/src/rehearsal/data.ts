import type { Verdict } from '@podrain/rehearsal'

/** A rehearsal that was carried out. Sizes in bytes, times in ms. */
export interface Rehearsed {
  readonly replicas: number
  readonly clients: number
  /** How long the load ran on after the rolling update. */
  readonly minutes: number
  readonly duration: number
  readonly requests: number
  readonly lost: number
  readonly verdict: Verdict
  /** The longest time that the kubelet, and the clients, could do nothing. */
  readonly heldUp: number
  readonly loadHeldUp: number
  /** What the process with all its threads took at most, before anything was drawn. */
  readonly memory: number
  readonly json: number
  readonly page: number
  /** How long the page took to draw. */
  readonly rendered: number
}

/** A result made by hand, however much was lost in it. Sizes in bytes, times in ms. */
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

/** What the bench keeps, and its page is made of. */
export interface RehearsalData {
  readonly rehearsed: readonly Rehearsed[]
  readonly rendered: readonly Rendered[]
  /** Requests a second that the clients are to send together. */
  readonly rate: number
  /** What a readiness probe may take, in ms: who is held up for as long cannot be trusted. */
  readonly probe: number
}
