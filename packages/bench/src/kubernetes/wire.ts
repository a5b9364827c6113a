import { Agent, type Server } from 'node:http'
import { Duplex } from 'node:stream'

/**
 * One end of a connection in memory. It delivers immediately and in order. Both ends are streams, so Node's HTTP client and server
 * work as on sockets.
 */
class End extends Duplex {
  #peer: End | undefined
  readonly #onBytes: (bytes: number) => void
  /** Continues the write that the peer has not read yet. */
  #taken: (() => void) | undefined
  /** Whether the peer has ended its side. */
  #over = false

  constructor(onBytes: (bytes: number) => void) {
    super({ allowHalfOpen: false })
    this.#onBytes = onBytes
  }

  connect(peer: End): void {
    this.#peer = peer
    peer.#peer = this
  }

  /** Fails with ECONNRESET, as a socket does when the other side has reset the connection. */
  reset(): void {
    if (!this.destroyed) this.destroy(failure('read', 'ECONNRESET'))
  }

  override _read(): void {
    const peer = this.#peer
    if (!peer) return
    const taken = peer.#taken
    peer.#taken = undefined
    taken?.()
  }

  override _write(piece: Buffer, _encoding: string, done: () => void): void {
    const peer = this.#peer
    const taken = !peer || peer.destroyed || peer.#over
    if (!taken) this.#onBytes(piece.length)
    if (taken || peer.push(piece)) done()
    else this.#taken = done
  }

  override _final(done: () => void): void {
    this.#hangUp()
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (error) this.#peer?.reset()
    else this.#hangUp()
    done(error)
  }

  #hangUp(): void {
    const peer = this.#peer
    if (!peer || peer.destroyed || peer.#over) return
    peer.#over = true
    peer.push(null)
  }

  // Methods of a socket that Node's HTTP client and server call. They have no effect in memory.
  ref(): this {
    return this
  }
  unref(): this {
    return this
  }
  setKeepAlive(): this {
    return this
  }
  setNoDelay(): this {
    return this
  }
  setTimeout(): this {
    return this
  }
}

/** The connections between pods and the API, in memory. Their number has no limit, and each byte is counted. */
export class Wire {
  /** Whether the API accepts connections. */
  listening = true
  /** The agent with which a client of `node:http` connects to the API. */
  readonly agent: Agent
  readonly #server: Server
  readonly #ends = new Set<End>()
  readonly #onSent: (end: Duplex, bytes: number) => void
  readonly #onRefused: () => void
  #moved = 0

  /**
   * @param onSent Called with the bytes that the server has sent on a connection.
   * @param onRefused Called when a connection is refused.
   */
  constructor(server: Server, onSent: (end: Duplex, bytes: number) => void, onRefused: () => void) {
    this.#server = server
    this.#onSent = onSent
    this.#onRefused = onRefused
    this.agent = Object.assign(new Agent({ keepAlive: false }), { createConnection: () => this.#connect() })
  }

  /** The number of writes, opened and closed connections so far. If it has grown, something has happened. */
  get moved(): number {
    return this.#moved
  }

  /** Resets every connection. */
  cut(): void {
    for (const end of [...this.#ends]) end.reset()
  }

  #connect(): End {
    this.#moved++
    const client = new End(() => {
      this.#moved++
    })
    if (!this.listening) {
      this.#onRefused()
      process.nextTick(() => client.destroy(failure('connect', 'ECONNREFUSED')))
      return client
    }
    const server: End = new End((bytes) => {
      this.#moved++
      this.#onSent(server, bytes)
    })
    client.connect(server)
    this.#ends.add(client)
    client.once('close', () => {
      this.#moved++
      this.#ends.delete(client)
    })
    this.#server.emit('connection', server)
    return client
  }
}

function failure(call: string, code: string): Error {
  return Object.assign(new Error(`${call} ${code}`), { code })
}
