import { type Clock, inTurns } from '../shared/clock.js'
import type { OpenRequest } from '../shared/report.js'
import type { Connection, OpenOnConnection, Round } from './connection.js'

/** The result of one pass over the connections of a draining server. */
export interface Survey {
  /** Number of requests in flight, without stalled uploads. */
  readonly busy: number
  /** The time until which at least one idle connection must stay open. */
  readonly heldUntil: number
  /** Number of idle connections that must stay open. */
  readonly held: number
}

/** All connections of the watched servers. There may be many thousands, so a drain handles them in batches. */
export class Connections {
  readonly #clock: Clock
  readonly #all = new Set<Connection>()
  /** Connections that the drain has not reached since it began. They are served as before. */
  #unreached = new Set<Connection>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#all.size
  }

  /** Whether the drain has reached all connections. */
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
   * Begins the drain on every connection.
   * @param reached Called for each connection once it drains, with its open responses to probes.
   */
  drain(reached: (probes: ReturnType<Connection['drain']>) => void): void {
    const connections = new Set(this.#all)
    this.#unreached = connections
    const reach = (connection: Connection): void => {
      connections.delete(connection)
      reached(connection.drain(this.#clock.now()))
    }
    const goesOn = (): boolean => connections === this.#unreached // otherwise the drain has been undone
    // The next pass over such a connection fails as well, and that failure is reported.
    inTurns(connections, reach, goesOn).catch(() => {})
  }

  /** Undoes the drain. */
  resume(): void {
    this.#unreached = new Set()
    for (const connection of this.#all) connection.resume()
  }

  /** Sheds the clients that the ramp has reached. Returns what the drain must wait for. */
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
   * Sends the farewell on every idle connection, the longest idle first.
   * @param left Returns the milliseconds that are left.
   * @returns Whether a farewell was sent to any client.
   */
  async closeIdle(left: () => number): Promise<boolean> {
    const idle = [...this.#all].filter(({ pending, farewellSent }) => pending === 0 && !farewellSent)
    idle.sort((a, b) => a.since - b.since)
    const end = (connection: Connection): void => {
      // A request may have begun since the list was made.
      if (connection.pending === 0) connection.closeIdle(this.#clock.now())
    }
    await inTurns(idle, end, () => left() > 0)
    return idle.some(({ farewellSent }) => farewellSent)
  }

  /** The requests in flight, the oldest first. */
  open(): OpenRequest[] {
    return this.#open(0).map(asOpen)
  }

  /**
   * Closes all connections by force. Returns the requests that were cut by that: complete requests, requests whose response has
   * begun, and uploads that sent bytes after `begun`. A stalled upload is closed but not returned.
   * @param begun When the closing began.
   */
  async destroy(begun: number): Promise<OpenRequest[]> {
    const cut = this.#open(begun).filter(({ alive }) => alive)
    await inTurns([...this.#all], (connection) => connection.destroy())
    return cut.map(asOpen)
  }

  /** Calls a function that may close connections. Returns the requests that the function cut. */
  cutBy(act: () => void): OpenRequest[] {
    const now = this.#clock.now()
    const before = [...this.#all]
      .filter(({ destroyed }) => !destroyed) // otherwise an earlier call has cut them
      .map((connection) => ({ connection, open: connection.open(now, now) }))
    act()
    return before.flatMap(({ connection, open }) => (connection.destroyed ? open.map(asOpen) : []))
  }

  #open(begun: number): OpenOnConnection[] {
    const now = this.#clock.now()
    return [...this.#all].flatMap((connection) => connection.open(now, begun)).sort((a, b) => b.ageMs - a.ageMs)
  }
}

function asOpen({ alive: _, ...request }: OpenOnConnection): OpenRequest {
  return request
}
