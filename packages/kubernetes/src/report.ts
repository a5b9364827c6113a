import type { Drain } from '@podrain/core'

/** Whoever removes pods (a ReplicaSet) takes those of the lowest cost first. */
const deletionCost = 'controller.kubernetes.io/pod-deletion-cost'

/** How often it is looked at between two reports: a moment without requests is not idleness. */
const looks = 6

export type Annotations = Readonly<Record<string, string>>

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

/** Says on the pod how busy it is: in orders of magnitude, only when they change, and never more often than it should. */
export class Report {
  readonly #on: ReportOptions
  #most = { inFlight: 0, tasks: 0 }
  #look = 0
  #written: Annotations | undefined
  #failures = 0
  #quietUntil = 0
  #cancel: () => void = () => {}
  #stopped = false

  constructor(options: ReportOptions) {
    this.#on = options
  }

  /** The first report comes after one interval, as every other. */
  start(): void {
    const { drain, every } = this.#on
    this.#cancel = drain.clock.after(every / looks, () => {
      const { inFlight } = drain
      const tasks = drain.status().tasks.length
      this.#most = { inFlight: Math.max(this.#most.inFlight, inFlight), tasks: Math.max(this.#most.tasks, tasks) }
      this.#look++
      // One at a time: the next look comes when this is written.
      if (this.#look < looks) this.start()
      else void this.#report().then(() => this.#stopped || this.start())
    })
  }

  stop(): void {
    this.#stopped = true
    this.#cancel()
  }

  async #report(): Promise<void> {
    const { drain, write, onFailure, every } = this.#on
    const annotations = annotationsFor(this.#most, this.#on.deletionCost)
    this.#look = 0
    this.#most = { inFlight: 0, tasks: 0 }
    const same = Object.entries(annotations).every(([name, value]) => this.#written?.[name] === value)
    if (same || drain.clock.now() < this.#quietUntil) return
    try {
      await write(annotations)
      this.#written = annotations
      this.#failures = 0
    } catch (error) {
      const asked = onFailure(error)
      this.#quietUntil = drain.clock.now() + Math.max(asked, every * (2 ** Math.min(this.#failures++, 4) - 0.5))
    }
  }
}

/** The order of magnitude: 0, 1, 10, 100 … */
export function magnitude(count: number): number {
  return count < 1 ? 0 : 10 ** Math.floor(Math.log10(count) + 1e-9)
}

export function annotationsFor({ inFlight, tasks }: { inFlight: number; tasks: number }, cost: boolean): Annotations {
  return {
    'podrain/in-flight': String(magnitude(inFlight)),
    'podrain/tasks': String(magnitude(tasks)),
    // A task is lost with its pod if it does not end in time, a request hardly ever takes as long.
    ...(cost ? { [deletionCost]: String(magnitude(inFlight) + 100 * magnitude(tasks)) } : {}),
  }
}
