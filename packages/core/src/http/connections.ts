import { type Clock, inTurns } from '../shared/clock.js'
import type { OpenRequest } from '../shared/report.js'
import type { Connection, OpenOnConnection, Round } from './connection.js'

/** What a round over the connections of a draining server found. */
export interface Survey {
  /** Requests in flight, without those whose client stopped sending the body. */
  readonly busy: number
  /** Until when an idle connection has to be kept. */
  readonly heldUntil: number
  /** Idle connections that have to be kept. */
  readonly held: number
}

/** All connections of the watched servers. There may be many thousand, so a drain deals with them a few at a time. */
export class Connections {
  readonly #clock: Clock
  readonly #all = new Set<Connection>()
  /** Those that the drain has still to reach: they are served as before. */
  #unreached = new Set<Connection>()

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

  hasReached(connection: Connection): boolean {
    return !this.#unreached.has(connection)
  }

  add(connection: Connection): void {
    this.#all.add(connection)
  }

  delete(connection: Connection): void {
    this.#all.delete(connection)
    this.#unreached.delete(connection)
  }

  /**
   * The drain begins.
   * @param reached is called for each connection, once it drains, with what it carries that is no traffic
   */
  drain(reached: (probes: ReturnType<Connection['drain']>) => void): void {
    const connections = new Set(this.#all)
    this.#unreached = connections
    const reach = (connection: Connection): void => {
      connections.delete(connection)
      reached(connection.drain(this.#clock.now()))
    }
    const goesOn = (): boolean => connections === this.#unreached // else it has been undone meanwhile
    inTurns(connections, reach, goesOn).catch(() => {}) // the next look at that connection fails, too, and is heard
  }

  /** The drain is undone. */
  resume(): void {
    this.#unreached = new Set()
    for (const connection of this.#all) connection.resume()
  }

  /** Leads away those whose turn it is, and says what has to be waited for. */
  visit(round: Round, quiet: number): Survey {
    let busy = 0
    let held = 0
    let heldUntil = Number.NEGATIVE_INFINITY
    for (const connection of this.#all) {
      busy += connection.visit(round)
      if (connection.pending > 0) continue
      const until = connection.heldUntil(quiet)
      heldUntil = Math.max(heldUntil, until)
      if (until > round.now) held++
    }
    return { busy, heldUntil, held }
  }

  /**
   * Says good-bye on each that carries no request, the longest idle first.
   * @param left Milliseconds that it may take.
   * @returns whether it was said to anybody
   */
  async endIdle(left: () => number): Promise<boolean> {
    const idle = [...this.#all].filter(({ pending, ended }) => pending === 0 && !ended)
    idle.sort((a, b) => a.since - b.since)
    const end = (connection: Connection): void => {
      // Before its turn came it may have been given a request.
      if (connection.pending === 0) connection.endIdle(this.#clock.now())
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
    await inTurns([...this.#all], (connection) => connection.destroy())
    return forced.map(asOpen)
  }

  #open(begun: number): OpenOnConnection[] {
    const now = this.#clock.now()
    const busy = [...this.#all].filter(({ pending }) => pending > 0)
    return busy.flatMap((connection) => connection.open(now, begun)).sort((a, b) => b.ageMs - a.ageMs)
  }
}

function asOpen({ alive: _, ...request }: OpenOnConnection): OpenRequest {
  return request
}
