/** The states of a pod on the timeline, in the order in which they happen. */
export const podStates = ['starting', 'ready', 'not ready', 'preStop hook', 'after SIGTERM'] as const
export type PodState = (typeof podStates)[number]

/** A stretch of time, in ms. */
export interface Stretch {
  readonly from: number
  readonly to: number
}

/** Something that happened to a pod at one time. */
export interface Moment {
  readonly t: number
  readonly what: string
}

/**
 * The data of one rehearsal's drawing. It contains no environment and no directories. Times are ms since the update began.
 */
export interface Figure {
  readonly from: number
  readonly to: number
  readonly phases: readonly ({ readonly name: string } & Stretch)[]
  /** When the update, or another scenario, happened. `noun` is its name, such as `update`. */
  readonly update: Stretch & { readonly noun: string }
  readonly lanes: readonly Lane[]
  readonly lossKinds: readonly LossMarkKind[]
  /** [time, index in `lossKinds`, count, index in `whys` of the first one's reason, or -1], in the order of time. */
  readonly losses: readonly (readonly [number, number, number, number])[]
  readonly whys: readonly string[]
  readonly load: LoadSeries
}

/** The row of a pod. The last row may be for requests that reached no pod, or that the proxy lost. */
export interface Lane {
  readonly pod: string
  /** [state, from, to], in the order of time. */
  readonly spans: readonly (readonly [PodState, number, number])[]
  /** [from, to]: clients opened new connections to the pod, and it was not being ended. */
  readonly known: readonly (readonly [number, number])[]
  /** [from, to]: clients opened new connections to the pod although it was being ended. */
  readonly stale: readonly (readonly [number, number])[]
  /** [from, to]: the process no longer listened, as a client found, but it had not exited yet. */
  readonly deaf: readonly (readonly [number, number])[]
  /** When its end began, once for each of its containers. */
  readonly told: readonly number[]
  readonly moments: readonly Moment[]
  readonly exits: readonly Moment[]
  readonly lost: number
  /** Answers per second, for each time in `load.t`. */
  readonly answered: readonly number[]
}

/** A kind of loss, and the lane of its marks. */
export interface LossMarkKind extends LossKind {
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

/** What similar losses have in common. */
export interface LossKind {
  readonly cause: string
  readonly client: string
  readonly request: string
  readonly message: string
  /** The one change that would have prevented them, in one line. */
  readonly fix: string
}
