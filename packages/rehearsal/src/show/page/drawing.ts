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
  /** What was done to the pods, with the word for it: the update. */
  readonly update: Stretch & { readonly noun: string }
  readonly lanes: readonly Lane[]
  readonly lossKinds: readonly LossMarkKind[]
  /** [time, index of the kind, how many, index of why the first of them was lost, or -1], in the order of time. */
  readonly losses: readonly (readonly [number, number, number, number])[]
  readonly whys: readonly string[]
  readonly load: LoadSeries
}

/** A pod's row; the last may stand for requests that met no pod, or were lost by what stands before the pods. */
export interface Lane {
  readonly pod: string
  /** [state, from, to], in the order of time. */
  readonly spans: readonly (readonly [PodState, number, number])[]
  /** [from, to]: the clients sent new connections here, and rightly so. */
  readonly known: readonly (readonly [number, number])[]
  /** The same when the pod was already being ended. */
  readonly stale: readonly (readonly [number, number])[]
  /** [from, to]: a client has found that nobody listens, though the process is still there. */
  readonly deaf: readonly (readonly [number, number])[]
  /** When its end began: once, or once for each of its containers. */
  readonly told: readonly number[]
  readonly moments: readonly Moment[]
  readonly exits: readonly Moment[]
  readonly lost: number
  /** Answers a second, for each moment of the load. */
  readonly answered: readonly number[]
}

/** What a mark tells of losses that are alike. */
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

/** What losses that are alike have in common. */
export interface LossKind {
  readonly cause: string
  readonly client: string
  readonly request: string
  readonly message: string
  /** The one line that would have saved them. */
  readonly fix: string
}
