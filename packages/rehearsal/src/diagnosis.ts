import type { LossCause, LostEvent, RehearsalEvent } from './events.js'
import type { RehearsalPlan } from './options.js'

/** What a loss came from. */
export type DiagnosisKind =
  /** Refused: nobody listened any more, and clients did not know yet. */
  | 'listener closed'
  /** Reset: the server closed a kept connection when the request was already on its way. */
  | 'idle connection closed'
  /** Cut: the process ended by itself with the request in flight. */
  | 'exit'
  /** Cut: SIGKILL at the end of the grace period. */
  | 'killed'
  /** Cut: the process died without anybody having told it to. */
  | 'crash'
  /** Answered with a status that is no success, by a pod that still got requests. */
  | 'refused by the app'
  /** There was no endpoint at all. */
  | 'no endpoint'
  /** A pod that was ready by its probe did not serve. */
  | 'not ready'
  /** The kernel still held bytes when the pod's network went with its process. */
  | 'network gone'
  /** A response, stream or WebSocket ended by a process that lived on. */
  | 'cut by the app'
  /** The client gave up waiting. */
  | 'no answer'
  /** Before anything had been done to a pod. */
  | 'before the disruption'

/** Losses that have the same reason, and what would have saved them. */
export interface Diagnosis {
  readonly kind: DiagnosisKind
  /** How the client saw it. */
  readonly cause: LossCause
  readonly count: number
  /** What happened, told of `example`. */
  readonly why: string
  /** The one line that most probably mends it. */
  readonly fix: string
  /** One of the losses. */
  readonly example: LostEvent
}

/** Names the reasons of all losses. */
export function diagnose(events: readonly RehearsalEvent[], plan: RehearsalPlan): Diagnosis[] {
  void events
  void plan
  return []
}
