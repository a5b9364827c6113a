import type { Sample } from '../load/sample.js'
import { type Clock, createClock, machineTime } from '../shared/clock.js'
import type { Happening, LiveEvent, RehearsalEvent } from './events.js'
import { LossLedger } from './ledger.js'

/** Writes down what happens, and tells whoever follows. */
export class Journal {
  /** When its clock was 0, in machine time. */
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

  /** Every event so far, in the order of time: those of other threads arrive a little late. */
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

  /** What happens from now on is no part of the rehearsal. */
  close(): void {
    this.#closed = true
  }
}

/** Joins two lists, each in the order of time. */
function* inOrder(events: readonly RehearsalEvent[], losses: Iterable<RehearsalEvent>): Generator<RehearsalEvent> {
  let next = 0
  for (const loss of losses) {
    for (let event = events[next]; event !== undefined && event.t <= loss.t; event = events[++next]) yield event
    yield loss
  }
  yield* events.slice(next)
}
