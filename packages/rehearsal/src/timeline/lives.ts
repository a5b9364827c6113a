import type { KillReason, RehearsalEvent } from './events.js'
import { Routes } from './routes.js'
import { suffered } from './upstream.js'

/** What is known of one container from its start to its exit. Times are ms since the rehearsal began. */
export interface Life {
  readonly pod: string
  readonly old: boolean
  readonly startedAt: number
  readyAt?: number
  /** When its readiness probe first failed; undefined if it never did. */
  unreadyAt?: number
  /** When its end began: the delete, the kubelet's decision, or the crash. */
  toldAt?: number
  reason?: 'deleted' | KillReason
  hookAt?: number
  hookEndedAt?: number
  hookOutcome?: 'done' | 'failed' | 'cut'
  /** The status of an HTTP hook. */
  hookStatus?: number
  /** Why the hook failed. */
  hookFailure?: string
  sigtermAt?: number
  sigkillAt?: number
  /** The program of PID 1, if it had no handler for SIGTERM. */
  sigtermIgnoredBy?: string
  exitAt?: number
  /** How the process ended: `exit 0`, `SIGTERM` … */
  exit?: string
  /** Whether it ended with an error code, or by a signal that nobody sent. */
  failed?: boolean
  /** The last lines of its output. */
  output?: readonly string[]
  /** When the last node stopped routing new connections to it; undefined if one did until the end. */
  knownAt?: number
  /** When the first request was sent whose connection was refused while the container was ending. */
  deafAt?: number
}

/** The events by container, in the order of the starts. */
export function livesOf(events: Iterable<RehearsalEvent>): Life[] {
  const lives: Life[] = []
  const current = new Map<string, Life>()
  const routes = new Routes()
  let routed: ReadonlySet<string> = new Set()
  for (const event of events) {
    if (event.type === 'pod-start') {
      const life: Life = { pod: event.pod, old: event.old, startedAt: event.t }
      lives.push(life)
      current.set(event.pod, life)
    } else if (event.type === 'endpoints') {
      routed = routes.heed(event)
      for (const life of lives) {
        if (life.toldAt !== undefined && !routed.has(life.pod)) life.knownAt ??= event.t
      }
    } else if ('pod' in event && event.pod !== null) {
      // The output of a process comes after its exit, when its container may have been started again.
      const life =
        event.type === 'pod-output'
          ? lives.findLast(({ pod, exitAt }) => pod === event.pod && exitAt !== undefined)
          : current.get(event.pod)
      if (life !== undefined) enter(life, event.type === 'lost' ? suffered(event) : event, routed.has(event.pod))
    }
  }
  return lives
}

function enter(life: Life, event: RehearsalEvent, routed: boolean): void {
  const { t } = event
  if (event.type === 'pod-ready') life.readyAt ??= t
  else if (event.type === 'pod-unready') life.unreadyAt ??= t
  else if (event.type === 'pod-deleted' || event.type === 'container-killed') {
    life.toldAt = t
    life.reason = event.type === 'pod-deleted' ? 'deleted' : event.reason
    if (!routed) life.knownAt = t
  } else if (event.type === 'hook-start') life.hookAt = t
  else if (event.type === 'hook-end') {
    life.hookEndedAt = t
    life.hookOutcome = event.outcome
    if (event.status !== undefined) life.hookStatus = event.status
  } else if (event.type === 'hook-failed') {
    life.hookFailure = event.message
  } else if (event.type === 'sigterm') life.sigtermAt = t
  else if (event.type === 'sigkill') {
    life.sigkillAt = t
    if (event.sigtermIgnoredBy !== undefined) life.sigtermIgnoredBy = event.sigtermIgnoredBy
  } else if (event.type === 'pod-exit') {
    life.exitAt = t
    life.exit = event.signal ?? `exit ${event.code}`
    life.failed = isFailure(event.code, event.signal)
  } else if (event.type === 'pod-output') life.output = event.lines
  else if (event.type === 'lost' && event.cause === 'refused' && life.toldAt !== undefined) life.deafAt ??= event.sentAt
}

/** The reason for a container's end, as a noun. */
export function nameOf(reason: Life['reason']): string {
  return reason === 'liveness' ? 'liveness kill' : (reason ?? 'delete')
}

/** Exit codes that are no failure. By convention a process that ends because of a signal exits with 128 plus its number: 130 for SIGINT, 143 for SIGTERM. */
const obedient = [0, 130, 143]

function isFailure(code: number | null, signal: string | null): boolean {
  if (signal !== null) return !['SIGTERM', 'SIGKILL', 'SIGINT'].includes(signal)
  return code !== null && !obedient.includes(code)
}
