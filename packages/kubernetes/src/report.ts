import type { Drain } from '@podrain/core'
import { between } from './api/pauses.js'

/** Whoever removes pods (a ReplicaSet) takes those of the lowest cost first. */
const deletionCost = 'controller.kubernetes.io/pod-deletion-cost'

/** How often it is looked at between two reports: a moment without requests is not idleness. */
const looks = 6
/** By how much of itself a pause may be longer, so that pods that have started together do not write together. */
const jitter = 0.2
/** Milliseconds for which a report is remembered. */
const memory = 4 * 3_600_000
/** Intervals that at most must all have been less busy before that is said. */
const mostCalm = 20

export type Annotations = Readonly<Record<string, string>>

/** How much goes on. */
export interface Load {
  readonly inFlight: number
  readonly tasks: number
}

export interface ReportOptions {
  readonly drain: Drain
  /** Milliseconds between two reports, at least. */
  readonly every: number
  readonly deletionCost: boolean
  /** Rejects when they could not be written. */
  readonly write: (annotations: Annotations) => Promise<void>
  /** @returns how many milliseconds to leave the API alone */
  readonly onFailure: (error: unknown) => number
}

const idle: Load = { inFlight: 0, tasks: 0 }

/**
 * Says on the pod how busy it is: in orders of magnitude, only when they change, and never more often than it should. More is said
 * at once. Less is said when the load is below half of what was said, and the more has been written in the last hours, the longer
 * it must have been so: a load that comes and goes is no change.
 */
export class Report {
  readonly #on: ReportOptions
  #most = idle
  #look = 0
  /** The most of each of the last intervals, the newest first. */
  #intervals: Load[] = []
  #said: Load | undefined
  /** When what has been written lately was written. */
  #writes: number[] = []
  #failures = 0
  #quietUntil = 0
  #cancel: () => void = () => {}
  #stopped = false

  constructor(options: ReportOptions) {
    this.#on = options
  }

  /** The first report comes after one interval, as every other, and a random part of another. */
  start(): void {
    this.#lookIn(this.#on.every * Math.random() + this.#pause())
  }

  stop(): void {
    this.#stopped = true
    this.#cancel()
  }

  #pause(): number {
    return (this.#on.every / looks) * between(1, 1 + jitter)
  }

  #lookIn(ms: number): void {
    const { drain } = this.#on
    this.#cancel = drain.clock.after(ms, () => {
      this.#most = mostOf([this.#most, { inFlight: drain.inFlight, tasks: drain.status().tasks.length }])
      this.#look++
      // One at a time: the next look comes when this is written.
      if (this.#look < looks) this.#lookIn(this.#pause())
      else void this.#report().then(() => this.#stopped || this.#lookIn(this.#pause()))
    })
  }

  async #report(): Promise<void> {
    const { drain, write, onFailure, every } = this.#on
    const now = drain.clock.now()
    this.#intervals = [this.#most, ...this.#intervals.slice(0, mostCalm - 1)]
    this.#look = 0
    this.#most = idle
    const load = this.#worthSaying(now)
    if (now < this.#quietUntil || (load.inFlight === this.#said?.inFlight && load.tasks === this.#said.tasks)) return
    try {
      await write(annotationsFor(load, this.#on.deletionCost))
      this.#said = load
      this.#writes.push(now)
      this.#failures = 0
    } catch (error) {
      if (this.#stopped) return
      const asked = onFailure(error)
      this.#quietUntil = drain.clock.now() + Math.max(asked, every * (2 ** Math.min(this.#failures++, 4) - 0.5))
    }
  }

  /** In orders of magnitude. */
  #worthSaying(now: number): Load {
    this.#writes = this.#writes.filter((at) => at > now - memory)
    const calm = Math.min(mostCalm, 2 ** (this.#writes.length - 1))
    const last = this.#intervals[0] ?? idle
    const lately = this.#intervals.length < calm ? undefined : mostOf(this.#intervals.slice(0, Math.max(1, calm)))
    const of = (kind: keyof Load): number => {
      const said = this.#said?.[kind]
      if (said === undefined || magnitude(last[kind]) > said) return magnitude(last[kind])
      return lately && lately[kind] < said / 2 ? magnitude(lately[kind]) : said
    }
    return { inFlight: of('inFlight'), tasks: of('tasks') }
  }
}

function mostOf(loads: readonly Load[]): Load {
  return {
    inFlight: Math.max(...loads.map(({ inFlight }) => inFlight)),
    tasks: Math.max(...loads.map(({ tasks }) => tasks)),
  }
}

/** The order of magnitude: 0, 1, 10, 100 … */
export function magnitude(count: number): number {
  return count < 1 ? 0 : 10 ** Math.floor(Math.log10(count) + 1e-9)
}

function annotationsFor({ inFlight, tasks }: Load, cost: boolean): Annotations {
  return {
    'podrain/in-flight': String(inFlight),
    'podrain/tasks': String(tasks),
    // A task is lost with its pod if it does not end in time, a request hardly ever takes as long.
    ...(cost ? { [deletionCost]: String(inFlight + 100 * tasks) } : {}),
  }
}
