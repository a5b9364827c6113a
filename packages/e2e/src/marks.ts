/** The label of every object of a run, with the id of the run. */
export const runLabel = 'podrain-e2e/run'
/** An annotation of a namespace that changes every 10 s while the run is alive. */
export const heartbeatAnnotation = 'podrain-e2e/heartbeat'
/** An annotation of a node that a run has cordoned, with the run, its host and the time. */
export const cordonedAnnotation = 'podrain-e2e/cordoned'

/** A run of the cases. */
export interface Run {
  /** A short random id. */
  readonly id: string
  readonly host: string
}
