import type { Drain } from '@podrain/core'
import { randomBetween } from './api/backoff.js'

/** A ReplicaSet removes pods with the lowest cost first (kubernetes.io/docs/concepts/workloads/controllers/replicaset). */
const deletionCost = 'controller.kubernetes.io/pod-deletion-cost'

/** The number of samples of the load between two writes. A pod is not idle because one sample finds no request. */
const samplesPerInterval = 6
/** The largest random extension of a pause, as a share, so that pods that have started together do not write together. */
const jitter = 0.2
/** Milliseconds for which a write is remembered. */
const rememberedFor = 4 * 3_600_000
/** The largest number of calm intervals that must precede the write of a lower load. */
const mostCalmIntervals = 20

export type Annotations = Readonly<Record<string, string>>

/** The load of the pod. */
export interface Load {
  readonly inFlight: number
  readonly tasks: number
}

export interface LoadAnnotationsOptions {
  readonly drain: Drain
  /** The shortest time between two writes, in milliseconds. */
  readonly interval: number
  readonly deletionCost: boolean
  /** Writes annotations. Rejects if the API has not accepted them. */
  readonly write: (annotations: Annotations) => Promise<void>
  /** @returns The milliseconds until the next request may be sent. */
  readonly onFailure: (error: unknown) => number
}

const idle: Load = { inFlight: 0, tasks: 0 }

/**
 * Writes annotations on the pod that show its load, in orders of magnitude. It writes only if an order of magnitude has changed, and
 * at most once per `interval`. A higher load is written at the end of the interval. A lower load is written when the load has been
 * below half of the written value for some intervals. The more has been written in the last hours, the more such intervals are
 * needed, so that a load that rises and falls regularly causes few writes.
 */
export class LoadAnnotations {
  readonly #options: LoadAnnotationsOptions
  /** The highest load since the end of the last interval. */
  #peak = idle
  /** Number of samples since the end of the last interval. */
  #samples = 0
  /** The highest load of each of the last intervals, the newest first. */
  #intervals: Load[] = []
  /** The load in the annotations. undefined if nothing has been written. */
  #written: Load | undefined
  /** The times of the recent writes. */
  #writes: number[] = []
  #pausedUntil = 0
  #cancel: () => void = () => {}
  #stopped = false

  constructor(options: LoadAnnotationsOptions) {
    this.#options = options
  }

  /** Begins to sample. The first write comes after one interval and a random part of another. */
  start(): void {
    this.#sampleIn(this.#options.interval * Math.random() + this.#pause())
  }

  stop(): void {
    this.#stopped = true
    this.#cancel()
  }

  #pause(): number {
    return (this.#options.interval / samplesPerInterval) * randomBetween(1, 1 + jitter)
  }

  #sampleIn(ms: number): void {
    const { drain } = this.#options
    this.#cancel = drain.clock.after(ms, () => {
      this.#peak = peakOf([this.#peak, { inFlight: drain.inFlight, tasks: drain.status().tasks.length }])
      this.#samples++
      // The next sample follows when the annotations are written, so that there is only one write at a time.
      if (this.#samples < samplesPerInterval) this.#sampleIn(this.#pause())
      else void this.#write().then(() => this.#stopped || this.#sampleIn(this.#pause()))
    })
  }

  async #write(): Promise<void> {
    const { drain, write, onFailure } = this.#options
    const now = drain.clock.now()
    this.#intervals = [this.#peak, ...this.#intervals.slice(0, mostCalmIntervals - 1)]
    this.#samples = 0
    this.#peak = idle
    const load = this.#loadToWrite(now)
    if (now < this.#pausedUntil || (load.inFlight === this.#written?.inFlight && load.tasks === this.#written.tasks))
      return
    try {
      await write(annotationsFor(load, this.#options.deletionCost))
      this.#written = load
      this.#writes.push(now)
    } catch (error) {
      if (this.#stopped) return
      this.#pausedUntil = drain.clock.now() + onFailure(error)
    }
  }

  /** The load to write, in orders of magnitude. */
  #loadToWrite(now: number): Load {
    this.#writes = this.#writes.filter((at) => at > now - rememberedFor)
    const calm = Math.min(mostCalmIntervals, 2 ** (this.#writes.length - 1))
    const last = this.#intervals[0] ?? idle
    const lately = this.#intervals.length < calm ? undefined : peakOf(this.#intervals.slice(0, Math.max(1, calm)))
    const of = (kind: keyof Load): number => {
      const written = this.#written?.[kind]
      if (written === undefined || magnitude(last[kind]) > written) return magnitude(last[kind])
      return lately && lately[kind] < written / 2 ? magnitude(lately[kind]) : written
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
