/** States of a pod as a person looking at a timeline tells them apart, in the order they happen. */
export const podStates = ['starting', 'ready', 'not ready', 'preStop hook', 'after SIGTERM'] as const
export type PodState = (typeof podStates)[number]

/** From one moment to another, in ms. */
export interface Stretch {
  readonly from: number
  readonly to: number
}

/** Something that happened to a pod at one moment. */
export interface Moment {
  readonly t: number
  readonly what: string
}

/**
 * What is drawn of one rehearsal, and all that the drawing is told: neither environment nor directories.
 * Times are ms from the moment the update begins.
 */
export interface Figure {
  readonly from: number
  readonly to: number
  readonly phases: readonly ({ readonly name: string } & Stretch)[]
  readonly update: Stretch
  readonly lanes: readonly Lane[]
  readonly lossKinds: readonly LossMarkKind[]
  /** [time, index of the kind, how many], in the order of time. */
  readonly losses: readonly (readonly [number, number, number])[]
  readonly load: LoadSeries
}

/** A pod's row; the last may stand for requests that met no pod. */
export interface Lane {
  readonly pod: string
  /** [state, from, to], in the order of time. */
  readonly spans: readonly (readonly [PodState, number, number])[]
  /** [from, to]: the clients sent new connections here. */
  readonly known: readonly (readonly [number, number])[]
  readonly moments: readonly Moment[]
  readonly endedAt: number | null
  readonly exit: Moment | null
  readonly lost: number
  /** Answers a second, for each moment of the load. */
  readonly answered: readonly number[]
}

/** What a mark tells of losses that are alike. */
export interface LossMarkKind extends Omit<LossKind, 'pod'> {
  readonly lane: number
}

/** The load over time: a list for each line, and `t` for all of them. Rates are per second, latencies in ms. */
export interface LoadSeries {
  readonly t: readonly number[]
  readonly answered: readonly number[]
  readonly lost: readonly number[]
  readonly p50: readonly (number | null)[]
  readonly p99: readonly (number | null)[]
  readonly inFlight: readonly number[]
}

/** Losses that are alike but for their time. */
export interface LossKind {
  /** null when there was no endpoint. */
  readonly pod: string | null
  readonly cause: string
  readonly client: string
  readonly request: string
  readonly message: string
  readonly why: string
  readonly fix: string
}
