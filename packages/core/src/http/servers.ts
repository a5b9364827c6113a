import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import https from 'node:https'
import type net from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import tls, { type TLSSocket } from 'node:tls'
import type { Clock } from '../shared/clock.js'
import type { Answer } from '../shared/request.js'
import { EarlierConnections } from './earlier.js'
import { tellWhenClosed } from './early-close.js'
import { captures, precede, standBefore } from './intercept.js'
import { TlsHandshakes } from './tls-handshakes.js'
import { mayBeClosedAgain, unlisten } from './unlisten.js'

/** Which server is whose: a request must be counted once. */
const owners = new WeakMap<net.Server, Servers>()

/** What happens on a server. */
export interface ServerEvents {
  /** It accepts connections now. */
  listening(server: net.Server): void
  /** Somebody closed one that is still wanted. `by` is a place in the code. */
  closedEarly(server: net.Server, by: string): void
  connection(socket: Socket, server: net.Server): void
  /** A TLS handshake is to begin. */
  handshake(): void
  /** A request over HTTP/1. Returns whether the application is to get it. */
  request(request: IncomingMessage, response: ServerResponse): boolean
  /** One that has an `Expect` header, and a listener of the application's for that. Returns the same. */
  expecting(request: IncomingMessage, response: ServerResponse): boolean
  /** What a listener of the application returned for a request. `alone`: nobody else looks at it. */
  handled(response: ServerResponse, result: unknown, alone: boolean): void
  /** The connection is given to the application: `Upgrade` or CONNECT. Returns whether it is to get it. */
  upgrade(request: IncomingMessage, socket: Socket): boolean
  session(session: ServerHttp2Session): void
  /** A request over HTTP/2. */
  stream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void
  /** It had connections before it was watched, of which nobody knows what they carry. */
  unknown(count: number, server: net.Server): void
}

interface Watched {
  /** The ways to stop listening to it. */
  readonly stops: readonly (() => void)[]
  /** Takes away what is in front of the listeners for requests. */
  front: () => void
  /** Who may answer a request there, those that came earlier first: each has its own paths, and lets in whom it knows. */
  readonly answers: Answer[]
}

/** The servers that one drain watches. */
export class Servers {
  readonly #clock: Clock
  readonly #events: ServerEvents
  readonly #servers = new Map<net.Server, Watched>()
  readonly handshakes: TlsHandshakes = new TlsHandshakes()
  readonly earlier: EarlierConnections
  /** Where they have listened, by name: somebody else may close a server before its drain does. */
  readonly #addresses = new Map<string, AddressInfo>()
  /** Whether one is given connections that another server, which is not watched, has accepted. */
  #handed = false
  /** Those that are still wanted though they will be closed, and how to stop looking after each. */
  readonly #guarded = new Map<net.Server, () => void>()
  #guarding = false
  #unlistened = false
  /** What takes back what `keepConnections` has changed. */
  readonly #keeping: (() => void)[] = []
  #released = false
  /** Whether it has ever had a server. */
  known = false

  constructor(clock: Clock, events: ServerEvents) {
    this.#clock = clock
    this.#events = events
    this.earlier = new EarlierConnections(events.unknown)
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
    this.#watch(server, answer, true)
  }

  #watch(server: net.Server, answer: Answer | undefined, counted: boolean): void {
    const owner = owners.get(server)
    if (owner && owner !== this) {
      throw new Error(
        'This server is already watched by another Drain, so its requests would be counted twice: ' +
          'register podrain once, or pass the first Drain with the option `drain`',
      )
    }
    this.known = true
    if (!owner) {
      owners.set(server, this)
      this.#servers.set(server, this.#listenTo(server))
      if (counted && server.listening) this.earlier.watch(server)
      if (server.listening) this.#listens(server)
    }
    const answers = this.#servers.get(server)?.answers
    if (answer && answers && !answers.includes(answer)) answers.push(answer)
  }

  /** Watches the server of a request, until it is closed: nobody told us to keep it. */
  find(server: net.Server, answer?: Answer): void {
    const isNew = !owners.has(server)
    // A connection that is not known has carried no request: this is the first that the application has handed over.
    this.#watch(server, answer, false)
    if (isNew) server.once('close', () => this.#release(server))
  }

  /** The drain begins: each server is wanted until `unlisten()`, and nobody else is to close it. */
  guard(): void {
    this.#guarding = true
    for (const server of this.#all) if (server.listening) this.#guard(server)
  }

  /** Nobody has to leave them open any more. */
  unguard(): void {
    this.#guarding = false
    for (const stop of this.#guarded.values()) stop()
    this.#guarded.clear()
  }

  /** Tells of those that were closed in another way than by `close()`. */
  checkGuarded(): void {
    for (const server of this.#guarded.keys()) if (!server.listening) this.#tellClosed(server, 'an unknown place')
  }

  /**
   * Lets go of every server, for good.
   * @param exits whether the process is about to exit, and others are still to clean up
   */
  release(exits = false): void {
    this.#released = true
    this.unguard()
    for (const server of this.#all) {
      this.#release(server)
      if (exits && !server.listening) mayBeClosedAgain(server)
    }
  }

  /** Accepts no more connections. */
  unlisten(): void {
    this.unguard()
    this.#unlistened = true
    for (const server of this.#all) if (server.listening) unlisten(server)
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
    if (this.#guarding) this.#guard(server)
    if (!this.#unlistened) this.#events.listening(server)
    // The application was still starting when it was told to end. It may ask for the address now.
    else setImmediate(() => this.unlisten())
  }

  #guard(server: net.Server): void {
    if (this.#guarded.has(server)) return
    this.#guarded.set(
      server,
      tellWhenClosed(server, (by) => this.#tellClosed(server, by)),
    )
  }

  #tellClosed(server: net.Server, by: string): void {
    this.#guarded.get(server)?.()
    if (this.#guarded.delete(server)) this.#events.closedEarly(server, by)
  }

  #release(server: net.Server): void {
    const watched = this.#servers.get(server)
    owners.delete(server)
    this.#servers.delete(server)
    this.earlier.release(server)
    watched?.front()
    for (const stop of watched?.stops ?? []) stop()
  }

  #listenTo(server: net.Server): Watched {
    const { connection, expecting, upgrade, session, stream } = this.#events
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
    const onlyHttp1 = isHttp1(server)
    if (server instanceof tls.Server) {
      on('connection', this.#onHandshake)
      on('secureConnection', (socket: TLSSocket) => {
        if (!this.handshakes.end(socket)) this.earlier.found(socket, server)
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
    const begin = (event: string, begins: (request: never, other: never) => boolean): void => {
      stops.push(standBefore(server, event, (request: never, other: never) => !begins(request, other)))
    }
    for (const event of ['checkContinue', 'checkExpectation']) begin(event, expecting)
    for (const event of ['upgrade', 'connect']) begin(event, upgrade)
    const answers: Answer[] = []
    return { stops, front: this.#standBefore(server, answers), answers }
  }

  /** Counts requests in front of the application, and keeps from it those that are answered here, or cannot be any more. */
  #standBefore(server: net.Server, answers: readonly Answer[]): () => void {
    const { request: begins, handled } = this.#events
    const alone = !captures(server)
    return standBefore(
      server,
      'request',
      (request: IncomingMessage, response: ServerResponse) => {
        if (!begins(request, response)) return true
        // With an index: the iterator of `for … of` makes this too long for V8 to inline.
        for (let index = 0; index < answers.length; index++) {
          if ((answers[index] as Answer)(request, response)) return true
        }
        return false
      },
      (result, _request: IncomingMessage, response: ServerResponse) => handled(response, result, alone),
    )
  }

  readonly #onHandshake = (socket: Socket): void => {
    this.handshakes.begin(socket, this.#clock.now())
    this.#events.handshake()
  }
}

function isHttp1(server: net.Server): boolean {
  return server instanceof http.Server || server instanceof https.Server
}
