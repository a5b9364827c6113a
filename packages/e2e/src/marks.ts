/** The label by which whatever a run has made is known to be its own. */
export const runLabel = 'podrain-e2e/run'
/** On a namespace: changed every few seconds for as long as the run lives. */
export const heartbeatAnnotation = 'podrain-e2e/heartbeat'
/** On a node that a run has cordoned: by which run, on which host, and when. */
export const cordonedAnnotation = 'podrain-e2e/cordoned'

/** Who runs the cases. */
export interface Run {
  /** Short, and like no other. */
  readonly id: string
  readonly host: string
}
