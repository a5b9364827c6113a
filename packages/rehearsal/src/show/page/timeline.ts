import type { Rehearsal } from '../../result/rehearsal.js'
import type { KillReason, RehearsalEvent } from '../../timeline/events.js'
import { Routes } from '../../timeline/routes.js'
import type { Moment, PodState, Stretch } from './drawing.js'

/** A stretch in which a pod was in one state. */
export interface Span extends Stretch {
  readonly state: PodState
}

/** Everything about one pod. Times are ms since the rehearsal began. */
export interface Course {
  readonly pod: string
  readonly old: boolean
  readonly spans: readonly Span[]
  /** While clients opened new connections to the pod, and it was not being ended. */
  readonly known: readonly Stretch[]
  /** While clients opened new connections to the pod although it was being ended. */
  readonly stale: readonly Stretch[]
  /** From the first refused connection, while the pod was ending, to the exit. */
  readonly deaf: readonly Stretch[]
  readonly told: readonly number[]
  /** Events that the spans do not show: a failed hook, SIGKILL and so on. */
  readonly moments: readonly Moment[]
  readonly exits: readonly Moment[]
}

const reasons: Readonly<Record<KillReason, string>> = {
  liveness: 'the kubelet ends the container: its liveness probe failed',
  'node shutdown': 'the kubelet ends the container: the node shuts down',
  eviction: 'the kubelet evicts the pod',
  crash: 'the process crashes',
}

/** The courses of all pods, old ones first. */
export function coursesOf({ events, summary }: Rehearsal): Course[] {
  const pods = new Map<string, CourseBuilder>()
  const routes = new Routes()
  for (const event of events) {
    if (event.type === 'endpoints') {
      const routed = routes.heed(event)
      for (const [pod, course] of pods) course.know(event.t, routed.has(pod))
    } else if ('pod' in event && event.pod !== null) {
      const course = pods.get(event.pod) ?? new CourseBuilder(event.pod)
      pods.set(event.pod, course)
      course.add(event)
    }
  }
  const courses = [...pods.values()].map((course) => course.end(summary.durationMs))
  return [...courses.filter(({ old }) => old), ...courses.filter(({ old }) => !old)]
}

/** Follows one pod through the events. */
class CourseBuilder implements Course {
  readonly pod: string
  readonly spans: Span[] = []
  readonly known: Stretch[] = []
  readonly stale: Stretch[] = []
  readonly deaf: Stretch[] = []
  readonly told: number[] = []
  readonly moments: Moment[] = []
  readonly exits: Moment[] = []
  old = false
  #state: PodState | null = null
  #since = 0
  #ending = false
  #knownSince: number | null = null
  #deafSince: number | null = null

  constructor(pod: string) {
    this.pod = pod
  }

  add(event: Extract<RehearsalEvent, { pod: string | null }>): void {
    const { t, type } = event
    if (type === 'pod-start') {
      this.old = event.old
      this.#enter(t, 'starting')
    }
    // Probes of a pod that is being ended do not change its state.
    else if (type === 'pod-ready' && (!this.#ending || this.#state === 'starting')) this.#revive(t)
    else if (type === 'pod-unready' && !this.#ending) {
      this.#enter(t, 'not ready')
      this.moments.push({ t, what: `not ready: ${event.message}` })
    } else if (type === 'pod-deleted') this.#tell(t, 'the pod is deleted')
    else if (type === 'container-killed') this.#tell(t, reasons[event.reason])
    else if (type === 'back-off') {
      this.moments.push({ t, what: `ended again and again: not started for ${event.seconds} s (CrashLoopBackOff)` })
    } else if (type === 'hook-start') this.#enter(t, 'preStop hook')
    else if (type === 'hook-failed') this.moments.push({ t, what: `the preStop hook failed: ${event.message}` })
    else if (type === 'hook-end' && event.outcome === 'cut') {
      this.moments.push({ t, what: 'the grace period was spent before the preStop hook ended' })
    } else if (type === 'sigterm') {
      this.#enter(t, 'after SIGTERM')
      this.moments.push({ t, what: `SIGTERM: SIGKILL follows after ${event.graceSeconds} s` })
    } else if (type === 'sigkill') this.moments.push({ t, what: 'SIGKILL: the grace period was over' })
    else if (type === 'lost' && event.cause === 'refused' && this.#ending && this.#state !== null) this.#deafSince ??= t
    else if (type === 'pod-exit') this.#exit(t, event.signal ?? `exit ${event.code}`)
  }

  know(t: number, known: boolean): void {
    if (known) this.#knownSince ??= t
    else this.#closeKnown(t, null)
  }

  end(t: number): Course {
    this.#enter(t, null)
    this.#closeKnown(t, null)
    return this
  }

  /** The pod is ready, perhaps again after a restart of its container. */
  #revive(t: number): void {
    if (this.#ending) this.#closeKnown(t, t)
    this.#ending = false
    this.#enter(t, 'ready')
  }

  #tell(t: number, what: string): void {
    this.moments.push({ t, what })
    if (this.#ending) return
    this.#closeKnown(t, t)
    this.#ending = true
    this.told.push(t)
  }

  #exit(t: number, what: string): void {
    if (this.#deafSince !== null && t > this.#deafSince) this.deaf.push({ from: this.#deafSince, to: t })
    this.#deafSince = null
    this.#enter(t, null)
    this.exits.push({ t, what })
  }

  /** Ends the stretch in which clients connect to the pod. The next one begins at `next`; null: there is none. */
  #closeKnown(t: number, next: number | null): void {
    if (this.#knownSince === null) return
    if (t > this.#knownSince) (this.#ending ? this.stale : this.known).push({ from: this.#knownSince, to: t })
    this.#knownSince = next
  }

  #enter(t: number, state: PodState | null): void {
    if (this.#state !== null && t > this.#since) this.spans.push({ state: this.#state, from: this.#since, to: t })
    this.#state = state
    this.#since = t
  }
}
