import { type Clock, inTurns } from '../shared/clock.js'
import type { OpenRequest } from '../shared/report.js'
import type { Carrier, Look, OpenOnCarrier } from './connection.js'

/** What a look at the connections of a draining server found. */
export interface Survey {
  /** Requests in flight, without those whose client stopped sending the body. */
  readonly busy: number
  /** Until when an idle connection has to be kept. */
  readonly heldUntil: number
}

/** All that requests come on. There may be many thousand, so a drain deals with them a few at a time. */
export class Carriers {
  readonly #clock: Clock
  readonly #all = new Set<Carrier>()
  /** Those that the drain has still to reach: served as before. */
  #unreached = new Set<Carrier>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#all.size
  }

  /** Whether the drain has reached all of them. */
  get reached(): boolean {
    return this.#unreached.size === 0
  }

  hasReached(carrier: Carrier): boolean {
    return !this.#unreached.has(carrier)
  }

  add(carrier: Carrier): void {
    this.#all.add(carrier)
  }

  delete(carrier: Carrier): void {
    this.#all.delete(carrier)
    this.#unreached.delete(carrier)
  }

  /** The drain begins. */
  drain(): void {
    const carriers = new Set(this.#all)
    this.#unreached = carriers
    const reach = (carrier: Carrier): void => {
      carriers.delete(carrier)
      carrier.drain(this.#clock.now())
    }
    void inTurns(carriers, reach, () => carriers === this.#unreached) // else it has been undone meanwhile
  }

  /** The drain is undone. */
  resume(): void {
    this.#unreached = new Set()
    for (const carrier of this.#all) carrier.resume()
  }

  /** Leads away those whose turn it is, and says what has to be waited for. */
  look(look: Look, quiet: number): Survey {
    let busy = 0
    let heldUntil = Number.NEGATIVE_INFINITY
    for (const carrier of this.#all) {
      busy += carrier.look(look)
      if (carrier.pending === 0) heldUntil = Math.max(heldUntil, carrier.heldUntil(quiet))
    }
    return { busy, heldUntil }
  }

  /**
   * Says good-bye on each that carries no request, the longest idle first.
   * @param left Milliseconds that it may take.
   * @returns whether it was said to anybody
   */
  async endIdle(left: () => number): Promise<boolean> {
    const idle = [...this.#all].filter(({ pending, ended }) => pending === 0 && !ended)
    idle.sort((a, b) => a.since - b.since)
    const end = (carrier: Carrier): void => {
      // Before its turn came it may have been given a request.
      if (carrier.pending === 0) carrier.endIdle(this.#clock.now())
    }
    await inTurns(idle, end, () => left() > 0)
    return idle.some(({ ended }) => ended)
  }

  /** What is in flight, the oldest first. */
  open(): OpenRequest[] {
    return this.#open(0).map(asOpen)
  }

  /**
   * Cuts what is left. Returns the requests that were cut: complete ones, those that are being answered, and those whose
   * body was still coming since `begun`. A request that nobody goes on sending is only closed.
   */
  async destroy(begun: number): Promise<OpenRequest[]> {
    const forced = this.#open(begun).filter(({ alive }) => alive)
    await inTurns([...this.#all], (carrier) => carrier.destroy())
    return forced.map(asOpen)
  }

  #open(begun: number): OpenOnCarrier[] {
    const now = this.#clock.now()
    const busy = [...this.#all].filter(({ pending }) => pending > 0)
    return busy.flatMap((carrier) => carrier.open(now, begun)).sort((a, b) => b.ageMs - a.ageMs)
  }
}

function asOpen({ alive: _, ...request }: OpenOnCarrier): OpenRequest {
  return request
}
