import type { Drain } from '@podrain/core'
import { randomBetween } from './api/backoff.js'

/** A ReplicaSet removes pods with the lowest cost first (kubernetes.io/docs/concepts/workloads/controllers/replicaset). */
const deletionCost = 'controller.kubernetes.io/pod-deletion-cost'

/** The number of samples of the load between two reports. A pod is not idle because one sample finds no request. */
const samplesPerReport = 6
/** The largest random extension of a pause, as a share, so that pods that have started together do not write together. */
const jitter = 0.2
/** Milliseconds for which a write is remembered. */
const rememberedFor = 4 * 3_600_000
/** The largest number of calm intervals that must precede the report of a lower load. */
const mostCalmIntervals = 20

export type Annotations = Readonly<Record<string, string>>

/** The load of the pod. */
export interface Load {
  readonly inFlight: number
  readonly tasks: number
}

export interface ReportOptions {
  readonly drain: Drain
  /** The shortest time between two reports, in milliseconds. */
  readonly every: number
  readonly deletionCost: boolean
  /** Writes annotations. Rejects if the API has not accepted them. */
  readonly write: (annotations: Annotations) => Promise<void>
  /** @returns The milliseconds until the next request may be sent. */
  readonly onFailure: (error: unknown) => number
}

const idle: Load = { inFlight: 0, tasks: 0 }

/**
 * Writes annotations on the pod that show its load, in orders of magnitude. It writes only if an order of magnitude has changed, and
 * at most once per `every`. A higher load is reported at the next report. A lower load is reported when the load has been below half
 * of the reported value for some intervals. The more has been written in the last hours, the more such intervals are needed, so
 * that a load that rises and falls regularly causes few writes.
 */
export class Report {
  readonly #options: ReportOptions
  /** The highest load since the last report. */
  #peak = idle
  /** Number of samples since the last report. */
  #samples = 0
  /** The highest load of each of the last intervals, the newest first. */
  #intervals: Load[] = []
  /** The load in the annotations. undefined if nothing has been written. */
  #reported: Load | undefined
  /** The times of the recent writes. */
  #writes: number[] = []
  #pausedUntil = 0
  #cancel: () => void = () => {}
  #stopped = false

  constructor(options: ReportOptions) {
    this.#options = options
  }

  /** Begins to sample. The first report comes after one interval and a random part of another. */
  start(): void {
    this.#sampleIn(this.#options.every * Math.random() + this.#pause())
  }

  stop(): void {
    this.#stopped = true
    this.#cancel()
  }

  #pause(): number {
    return (this.#options.every / samplesPerReport) * randomBetween(1, 1 + jitter)
  }

  #sampleIn(ms: number): void {
    const { drain } = this.#options
    this.#cancel = drain.clock.after(ms, () => {
      this.#peak = peakOf([this.#peak, { inFlight: drain.inFlight, tasks: drain.status().tasks.length }])
      this.#samples++
      // The next sample follows when the report is written, so that there is only one write at a time.
      if (this.#samples < samplesPerReport) this.#sampleIn(this.#pause())
      else void this.#report().then(() => this.#stopped || this.#sampleIn(this.#pause()))
    })
  }

  async #report(): Promise<void> {
    const { drain, write, onFailure } = this.#options
    const now = drain.clock.now()
    this.#intervals = [this.#peak, ...this.#intervals.slice(0, mostCalmIntervals - 1)]
    this.#samples = 0
    this.#peak = idle
    const load = this.#loadToReport(now)
    if (now < this.#pausedUntil || (load.inFlight === this.#reported?.inFlight && load.tasks === this.#reported.tasks))
      return
    try {
      await write(annotationsFor(load, this.#options.deletionCost))
      this.#reported = load
      this.#writes.push(now)
    } catch (error) {
      if (this.#stopped) return
      this.#pausedUntil = drain.clock.now() + onFailure(error)
    }
  }

  /** The load to report, in orders of magnitude. */
  #loadToReport(now: number): Load {
    this.#writes = this.#writes.filter((at) => at > now - rememberedFor)
    const calm = Math.min(mostCalmIntervals, 2 ** (this.#writes.length - 1))
    const last = this.#intervals[0] ?? idle
    const lately = this.#intervals.length < calm ? undefined : peakOf(this.#intervals.slice(0, Math.max(1, calm)))
    const of = (kind: keyof Load): number => {
      const reported = this.#reported?.[kind]
      if (reported === undefined || magnitude(last[kind]) > reported) return magnitude(last[kind])
      return lately && lately[kind] < reported / 2 ? magnitude(lately[kind]) : reported
    }
    return { inFlight: of('inFlight'), tasks: of('tasks') }
  }
}

function peakOf(loads: readonly Load[]): Load {
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
    // A task weighs more than a request, because it usually takes longer, and is lost if its pod ends first.
    ...(cost ? { [deletionCost]: String(inFlight + 100 * tasks) } : {}),
  }
}
