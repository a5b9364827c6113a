import type { KillReason, RehearsalEvent } from './events.js'
import { Routes } from './routes.js'
import { suffered } from './upstream.js'

/** What is known of one container from its start to its end. Times are those of the events. */
export interface Life {
  readonly pod: string
  readonly old: boolean
  readonly startedAt: number
  readyAt?: number
  /** When it stopped being ready, if its probes said so before its end. */
  unreadyAt?: number
  /** When somebody first did something to it: the delete, the kubelet's decision, the crash. */
  toldAt?: number
  reason?: 'deleted' | KillReason
  hookAt?: number
  hookEndedAt?: number
  hookOutcome?: 'done' | 'failed' | 'cut'
  /** What an HTTP hook was answered. */
  hookStatus?: number
  /** Why it failed. */
  hookFailure?: string
  sigtermAt?: number
  sigkillAt?: number
  /** What PID 1 was that SIGTERM could not reach: it had no handler. */
  deafProgram?: string
  exitAt?: number
  /** `exit 0`, `SIGTERM` … */
  exit?: string
  /** Whether it ended with an error of its own, and not as it was told. */
  failed?: boolean
  /** The last lines it wrote. */
  output?: readonly string[]
  /** When new connections no longer went to it, from any node; undefined if they did until the end. */
  knownAt?: number
  /** When a client first found that nobody listens. */
  deafAt?: number
}

/** Tells the events container by container, in the order they were started. */
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
      // What a process wrote is told after its end, when its container may have been started again.
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
    if (event.deafProgram !== undefined) life.deafProgram = event.deafProgram
  } else if (event.type === 'pod-exit') {
    life.exitAt = t
    life.exit = event.signal ?? `exit ${event.code}`
    life.failed = isFailure(event.code, event.signal)
  } else if (event.type === 'pod-output') life.output = event.lines
  else if (event.type === 'lost' && event.cause === 'refused' && life.toldAt !== undefined) life.deafAt ??= event.sentAt
}

/** What was done to a container, as a noun. */
export function nameOf(reason: Life['reason']): string {
  return reason === 'liveness' ? 'liveness kill' : (reason ?? 'delete')
}

/** By convention a process that a signal has ended exits with 128 and the signal's number: 130 and 143 are obedience. */
const obedient = [0, 130, 143]

function isFailure(code: number | null, signal: string | null): boolean {
  if (signal !== null) return !['SIGTERM', 'SIGKILL', 'SIGINT'].includes(signal)
  return code !== null && !obedient.includes(code)
}
