import type { Sample } from '../load/sample.js'
import { type Clock, createClock, machineTime } from '../shared/clock.js'
import type { Happening, LiveEvent, RehearsalEvent } from './events.js'
import { LossLedger } from './ledger.js'

/** Records events and samples, and passes each to `follow`. */
export class Journal {
  /** The zero of its clock, in machine time. */
  readonly startedAt: number = machineTime()
  readonly clock: Clock = createClock(this.startedAt)
  readonly #events: RehearsalEvent[] = []
  readonly #losses = new LossLedger()
  readonly #samples: Sample[] = []
  readonly #follow: (event: LiveEvent) => void
  #closed = false

  constructor(follow: (event: LiveEvent) => void) {
    this.#follow = follow
  }

  /** Every event so far, sorted by time, because events of other threads arrive a little late. */
  get events(): Iterable<RehearsalEvent> {
    const events = this.#events.toSorted((a, b) => a.t - b.t)
    const losses = this.#losses
    return { [Symbol.iterator]: () => inOrder(events, losses) }
  }

  get samples(): readonly Sample[] {
    return this.#samples
  }

  readonly record = (happening: Happening, t: number = this.clock()): void => {
    if (this.#closed) return
    const event = { t, ...happening }
    if (happening.type === 'lost') this.#losses.add(happening, t)
    else this.#events.push(event)
    this.#follow(event)
  }

  readonly sample = (sample: Sample): void => {
    if (this.#closed) return
    this.#samples.push(sample)
    this.#follow(sample)
  }

  /** Ignores everything from now on. */
  close(): void {
    this.#closed = true
  }
}

/** Merges two lists that are sorted by time. */
function* inOrder(events: readonly RehearsalEvent[], losses: Iterable<RehearsalEvent>): Generator<RehearsalEvent> {
  let next = 0
  for (const loss of losses) {
    for (let event = events[next]; event !== undefined && event.t <= loss.t; event = events[++next]) yield event
    yield loss
  }
  yield* events.slice(next)
}
