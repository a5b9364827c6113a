import type { RehearsalEvent } from '../events.js'
import type { Rehearsal } from '../rehearse.js'
import type { Moment, PodState, Stretch } from './drawing.js'

/** What a pod was doing. */
export interface Span extends Stretch {
  readonly state: PodState
}

/** Everything about one pod. */
export interface Course {
  readonly pod: string
  readonly old: boolean
  readonly spans: readonly Span[]
  /** While the clients sent new connections to it. */
  readonly known: readonly Stretch[]
  /** What is worth a word beyond the spans: a failed hook, SIGKILL, the exit. */
  readonly moments: readonly Moment[]
  /** When it was deleted or its container was ended: from then on the clients' view is out of date. */
  readonly endedAt: number | null
  readonly exit: Moment | null
}

/** The row of losses that met no pod at all. */
export const nowhere = 'no endpoint'

/** The courses of all pods, old ones first. */
export function coursesOf({ events, summary }: Rehearsal): Course[] {
  const pods = new Map<string, CourseBuilder>()
  for (const event of events) {
    if (event.type === 'endpoints') {
      for (const [pod, course] of pods) course.know(event.t, event.pods.includes(pod))
    } else if ('pod' in event && event.type !== 'lost') {
      const course = pods.get(event.pod) ?? new CourseBuilder(event.pod)
      pods.set(event.pod, course)
      course.add(event)
    }
  }
  const courses = [...pods.values()].map((course) => course.end(summary.durationMs))
  return [...courses.filter(({ old }) => old), ...courses.filter(({ old }) => !old)]
}

/** Follows one pod through the events. */
class CourseBuilder {
  readonly #pod: string
  readonly #spans: Span[] = []
  readonly #known: Stretch[] = []
  readonly #moments: Moment[] = []
  #old = false
  #state: PodState | null = null
  #since = 0
  #knownSince: number | null = null
  #endedAt: number | null = null
  #exit: Moment | null = null

  constructor(pod: string) {
    this.#pod = pod
  }

  add(event: Exclude<RehearsalEvent, { type: 'endpoints' | 'lost' }>): void {
    const { t, type } = event
    const ended = this.#endedAt !== null
    if (type === 'pod-start') {
      this.#old = event.old
      this.#enter(t, 'starting')
      // A container that is started again: what ended is over.
      this.#endedAt = null
      this.#exit = null
    }
    // What the probes say of a pod that is being ended changes nothing any more.
    else if (type === 'pod-ready' && !ended) this.#enter(t, 'ready')
    else if (type === 'pod-unready' && !ended) {
      this.#enter(t, 'not ready')
      this.#moments.push({ t, what: `not ready: ${event.message}` })
    } else if (type === 'pod-deleted') this.#endAt(t, 'deleted')
    else if (type === 'hook-start') this.#enter(t, 'preStop hook')
    else if (type === 'hook-failed') this.#moments.push({ t, what: `the preStop hook failed: ${event.message}` })
    else if (type === 'hook-end' && event.outcome === 'cut') {
      this.#moments.push({ t, what: 'the grace period was spent before the preStop hook ended' })
    } else if (type === 'sigterm') {
      this.#enter(t, 'after SIGTERM')
      this.#moments.push({ t, what: `SIGTERM, with ${event.graceSeconds} s to live` })
    } else if (type === 'sigkill') this.#moments.push({ t, what: 'SIGKILL: the grace period was over' })
    else if (type === 'pod-exit') {
      this.#enter(t, null)
      this.#exit = { t, what: event.signal ?? `exit ${event.code}` }
    }
  }

  know(t: number, known: boolean): void {
    if (known) this.#knownSince ??= t
    else if (this.#knownSince !== null) {
      this.#known.push({ from: this.#knownSince, to: t })
      this.#knownSince = null
    }
  }

  end(t: number): Course {
    this.#enter(t, null)
    this.know(t, false)
    return {
      pod: this.#pod,
      old: this.#old,
      spans: this.#spans,
      known: this.#known,
      moments: this.#moments,
      endedAt: this.#endedAt,
      exit: this.#exit,
    }
  }

  #endAt(t: number, what: string): void {
    this.#endedAt ??= t
    this.#moments.push({ t, what })
  }

  #enter(t: number, state: PodState | null): void {
    if (this.#state !== null && t > this.#since) this.#spans.push({ state: this.#state, from: this.#since, to: t })
    this.#state = state
    this.#since = t
  }
}
