import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import https from 'node:https'
import net, { type AddressInfo, type Socket } from 'node:net'
import tls, { type TLSSocket } from 'node:tls'
import type { Clock } from '../shared/clock.js'
import type { Answer } from '../shared/request.js'
import { captures, precede, standBefore } from './intercept.js'
import { TlsHandshakes } from './tls-handshakes.js'

/** Which server is whose: a request must be counted once. */
const owners = new WeakMap<net.Server, Servers>()

/** What happens on a server. */
export interface ServerEvents {
  /** It accepts connections now. */
  listening(server: net.Server): void
  connection(socket: Socket, server: net.Server): void
  /** A TLS handshake is to begin. */
  handshake(): void
  /** A request over HTTP/1. */
  request(request: IncomingMessage, response: ServerResponse): void
  /** What a listener of the application returned for a request. `alone`: nobody else looks at it. */
  handled(response: ServerResponse, result: unknown, alone: boolean): void
  /** The connection is given to the application: `Upgrade` or CONNECT. */
  upgrade(request: IncomingMessage, socket: Socket): void
  session(session: ServerHttp2Session): void
  /** A request over HTTP/2. */
  stream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void
}

interface Watched {
  /** The ways to stop listening to it. */
  readonly stops: readonly (() => void)[]
  /** Takes the listener for requests away. */
  front: () => void
}

/** The servers that one drain watches. */
export class Servers {
  readonly #clock: Clock
  readonly #events: ServerEvents
  readonly #servers = new Map<net.Server, Watched>()
  readonly handshakes: TlsHandshakes = new TlsHandshakes()
  /** Where they have listened, by name: somebody else may close a server before its drain does. */
  readonly #addresses = new Map<string, AddressInfo>()
  /** Whether one is given connections that another server, which is not watched, has accepted. */
  #handed = false
  #unlistened = false
  /** What takes back what `keepConnections` has changed. */
  readonly #keeping: (() => void)[] = []
  #released = false

  constructor(clock: Clock, events: ServerEvents) {
    this.#clock = clock
    this.#events = events
  }

  /** Whether one accepts connections. Where none is known, whoever asks has reached one. */
  get listening(): boolean {
    if (this.#servers.size === 0) return !this.#released
    return this.#handed || this.#all.some((server) => server.listening)
  }

  /** The TCP addresses that have been listened on. */
  get addresses(): AddressInfo[] {
    return [...this.#addresses.values()]
  }

  /** Whether it has let go of all servers and takes none any more. */
  get released(): boolean {
    return this.#released
  }

  /**
   * @param answer answers a request in front of the application, and says so
   * @throws {Error} if the server belongs to another drain
   */
  watch(server: net.Server, answer?: Answer): void {
    const owner = owners.get(server)
    if (owner && owner !== this) {
      throw new Error(
        'This server is already watched by another Drain, so its requests would be counted twice: ' +
          'register podrain once, or pass the first Drain with the option `drain`',
      )
    }
    if (!owner) {
      owners.set(server, this)
      this.#servers.set(server, this.#listenTo(server))
      if (server.listening) this.#listens(server)
    }
    const watched = this.#servers.get(server)
    if (answer && watched) {
      watched.front()
      const alone = !captures(server)
      watched.front = standBefore(
        server,
        'request',
        (request: IncomingMessage, response: ServerResponse) => {
          this.#events.request(request, response)
          return answer(request, response)
        },
        (result, _request: IncomingMessage, response: ServerResponse) => this.#events.handled(response, result, alone),
      )
    }
  }

  /** Watches the server of a request, until it is closed: nobody told us to keep it. */
  find(server: net.Server, answer?: Answer): void {
    const isNew = !owners.has(server)
    this.watch(server, answer)
    if (isNew) server.once('close', () => this.#release(server))
  }

  /** Lets go of every server, for good. */
  release(): void {
    this.#released = true
    for (const server of this.#all) this.#release(server)
  }

  /**
   * Accepts no more connections. Not with `http.Server.close()`, which from Node 19 on also closes connections that it
   * takes for idle, and takes a response that is ended but not yet sent for idle (nodejs/node#60617).
   */
  unlisten(): void {
    this.#unlistened = true
    for (const server of this.#all) if (server.listening) net.Server.prototype.close.call(server)
  }

  /**
   * Until all are cut, keeps whoever else closes a server from closing its connections: from Node 19 on `close()` cuts also a
   * response that is ended but not yet sent. On the instance, as there is no other way in.
   */
  keepConnections(): void {
    for (const server of this.#all) {
      for (const name of ['closeIdleConnections', 'closeAllConnections'] as const) {
        if (typeof (server as Partial<http.Server>)[name] !== 'function') continue
        const own = Object.getOwnPropertyDescriptor(server, name)
        Object.defineProperty(server, name, { configurable: true, writable: true, value: () => {} })
        this.#keeping.push(() => {
          if (own) Object.defineProperty(server, name, own)
          else Reflect.deleteProperty(server, name)
        })
      }
    }
  }

  /** Cuts also the connections that were there before the server was watched, and unfinished TLS handshakes. */
  closeAllConnections(): void {
    for (const undo of this.#keeping.splice(0)) undo()
    try {
      for (const server of this.#all) (server as Partial<http.Server>).closeAllConnections?.()
    } finally {
      this.handshakes.destroy()
    }
  }

  get #all(): net.Server[] {
    return [...this.#servers.keys()]
  }

  #listens(server: net.Server): void {
    const address = server.address()
    if (typeof address === 'object' && address) this.#addresses.set(`${address.address} ${address.port}`, address)
    if (!this.#unlistened) this.#events.listening(server)
    // The application was still starting when it was told to end. It may ask for the address now.
    else setImmediate(() => this.unlisten())
  }

  #release(server: net.Server): void {
    const watched = this.#servers.get(server)
    owners.delete(server)
    this.#servers.delete(server)
    watched?.front()
    for (const stop of watched?.stops ?? []) stop()
  }

  #listenTo(server: net.Server): Watched {
    const { connection, request, upgrade, session, stream } = this.#events
    const stops: (() => void)[] = []
    const on = (event: string, listener: (...args: never[]) => void): void => {
      server.on(event, listener as () => void)
      stops.push(() => server.removeListener(event, listener as () => void))
    }
    let listened = server.listening
    on('listening', () => {
      listened = true
      this.#listens(server)
    })
    const onFirst = (): void => {
      if (!listened) this.#handed = true
    }
    server.once('connection', onFirst)
    stops.push(() => server.removeListener('connection', onFirst))
    const onConnection = (socket: Socket): void => connection(socket, server)
    const onlyHttp1 = server instanceof http.Server || server instanceof https.Server
    if (server instanceof tls.Server) {
      on('connection', this.#onHandshake)
      on('secureConnection', (socket: TLSSocket) => {
        this.handshakes.end(socket)
        if (onlyHttp1 || socket.alpnProtocol !== 'h2') onConnection(socket)
      })
    } else if (onlyHttp1) {
      on('connection', onConnection)
    }
    if (!onlyHttp1) {
      on('session', session)
      stops.push(precede(server, 'stream', stream))
    }
    // With an `Expect` header, and a listener for it, a request is no 'request'.
    for (const event of ['checkContinue', 'checkExpectation']) stops.push(precede(server, event, request))
    for (const event of ['upgrade', 'connect']) stops.push(precede(server, event, upgrade))
    return { stops, front: precede(server, 'request', request) }
  }

  readonly #onHandshake = (socket: Socket): void => {
    this.handshakes.begin(socket, this.#clock.now())
    this.#events.handshake()
  }
}
