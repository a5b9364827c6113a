import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import https from 'node:https'
import type net from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import tls, { type TLSSocket } from 'node:tls'
import type { Clock } from '../shared/clock.js'
import { replaceMethod } from '../shared/replace.js'
import type { Answer } from '../shared/request.js'
import { EarlierConnections } from './earlier.js'
import { CloseGuard, type OnEarlyClose } from './early-close.js'
import { callBefore, capturesRejections, intercept } from './intercept.js'
import { type Owner, owners } from './owners.js'
import { TlsHandshakes } from './tls-handshakes.js'
import { mayBeClosedAgain, unlisten } from './unlisten.js'
import { UnseenServers } from './unseen.js'

/** The events of the watched servers. */
export interface ServerEvents {
  /** A server accepts connections now. */
  listening(server: net.Server): void
  /** Other code closes a server, or its connections, while load balancers may still send to it. */
  closedEarly: OnEarlyClose
  connection(socket: Socket, server: net.Server): void
  /** A TLS handshake begins. */
  handshake(): void
  /** A request over HTTP/1. Returns whether the application gets it. */
  request(request: IncomingMessage, response: ServerResponse): boolean
  /**
   * A request with an `Expect` header, if the application has a listener for that. Returns whether the application gets the
   * request.
   */
  expecting(request: IncomingMessage, response: ServerResponse): boolean
  /** A listener of the application has returned a value for a request. `alone`: nothing else handles its rejection. */
  handled(response: ServerResponse, result: unknown, alone: boolean): void
  /**
   * `Upgrade` or CONNECT: the connection is handed over to the application. Returns whether the application gets it.
   */
  upgrade(request: IncomingMessage, socket: Socket): boolean
  session(session: ServerHttp2Session): void
  /** A request over HTTP/2. */
  stream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void
  /** A server had open connections before it was watched. */
  unknown(count: number, server: net.Server): void
}

interface Watched {
  /** Functions that remove the listeners. */
  readonly stops: readonly (() => void)[]
  /** Removes the interceptor of 'request'. */
  removeInterceptor: () => void
  /**
   * The control endpoints of each attachment, in the order in which they were attached. Each has its own paths and tokens.
   */
  readonly answers: Answer[]
}

/** The servers that one drain watches. */
export class Servers implements Owner {
  readonly #clock: Clock
  readonly #events: ServerEvents
  readonly #servers = new Map<net.Server, Watched>()
  /** The servers that another drain may take over, each with the function to call then. */
  readonly #onRelease = new Map<net.Server, () => void>()
  readonly handshakes: TlsHandshakes = new TlsHandshakes()
  readonly earlier: EarlierConnections
  readonly unseen: UnseenServers = new UnseenServers()
  /**
   * The addresses on which servers have listened. They are kept, because other code may close a server before its drain does.
   */
  readonly #addresses = new Map<string, AddressInfo>()
  /** Whether a watched server gets connections that another server has accepted, which is not watched. */
  #handed = false
  readonly #guard: CloseGuard
  #unlistened = false
  /** Functions that undo `keepConnections`. */
  readonly #keeping: (() => void)[] = []
  /** Closed servers that may be closed again, each with the function that undoes it. */
  readonly #closable = new Map<net.Server, () => void>()
  #released = false
  /** Whether a server was ever watched. */
  everWatched = false

  constructor(clock: Clock, events: ServerEvents) {
    this.#clock = clock
    this.#events = events
    this.earlier = new EarlierConnections(events.unknown)
    this.#guard = new CloseGuard(events.closedEarly)
  }

  /** Whether a server accepts connections. True if no server is known: a request for `/readyz` has reached one. */
  get listening(): boolean {
    if (this.#servers.size === 0) return !this.#released
    return this.#handed || this.#all.some((server) => server.listening)
  }

  /** The TCP addresses on which servers have listened. */
  get addresses(): AddressInfo[] {
    return [...this.#addresses.values()]
  }

  /** Whether all servers were released for good. */
  get released(): boolean {
    return this.#released
  }

  /**
   * @param answer Answers control requests before the application gets them. Returns whether it did.
   * @param onRelease As in `WatchOptions`.
   * @throws {Error} if another drain watches the server and does not release it
   */
  watch(server: net.Server, answer?: Answer, onRelease?: () => void): void {
    this.#watch(server, answer, true)
    if (!onRelease || this.#onRelease.has(server)) return
    this.#onRelease.set(server, onRelease)
    this.#afterClose(server, () => this.giveUp(server))
  }

  #watch(server: net.Server, answer: Answer | undefined, counted: boolean): void {
    const owner = owners.get(server)
    if (owner && owner !== this && !owner.giveUp(server)) {
      throw new Error(
        'This server is already watched by another Drain, so its requests would be counted twice: ' +
          'register podrain once, or pass the first Drain with the option `drain`',
      )
    }
    this.everWatched = true
    this.unseen.end()
    if (owner !== this) {
      owners.set(server, this)
      this.#servers.set(server, this.#listenTo(server))
      // Connections of requests that the previous owner has counted are earlier connections for this drain.
      if ((counted || owner) && server.listening) this.earlier.watch(server)
      if (server.listening) this.#listens(server)
    }
    const answers = this.#servers.get(server)?.answers
    if (answer && answers && !answers.includes(answer)) answers.push(answer)
  }

  /**
   * Watches the server that a request has arrived on. The server is released when it closes, because the application has not
   * passed it.
   */
  find(server: net.Server, answer?: Answer): void {
    const isNew = owners.get(server) !== this
    // Earlier connections are not counted: this request is the first one that has reached the application.
    this.#watch(server, answer, false)
    if (isNew) this.#afterClose(server, () => this.#release(server))
  }

  /** Releases a server that has closed, or that another drain is about to watch, if it was watched with `onRelease`. */
  giveUp(server: net.Server): boolean {
    const onRelease = this.#onRelease.get(server)
    if (!onRelease) return false
    if (server.listening) this.#guard.forget(server)
    this.#release(server)
    onRelease()
    return true
  }

  /** Begins to report other code that closes a server or its connections before `unlisten()`. */
  guard(): void {
    this.#guard.begin(this.#all)
  }

  /** Ends the guard. */
  unguard(): void {
    this.#guard.end()
  }

  /** Reports guarded servers that no longer accept connections although nothing has called their `close()`. */
  checkGuarded(): void {
    this.#guard.check()
  }

  /**
   * Releases all servers for good.
   * @param exits Whether the process is about to exit. Other listeners of the signal may then close a closed server again.
   */
  release(exits = false): void {
    this.#released = true
    this.unseen.end()
    this.unguard()
    for (const server of this.#all) {
      this.#release(server)
      if (exits && !server.listening) this.#letCloseAgain(server)
    }
    if (!exits) for (const undo of this.#closable.values()) undo()
  }

  /** Stops accepting connections. */
  unlisten(): void {
    this.unguard()
    this.#unlistened = true
    for (const server of this.#all) {
      if (!server.listening) continue
      unlisten(server)
      this.#letCloseAgain(server)
    }
  }

  #letCloseAgain(server: net.Server): void {
    if (!this.#closable.has(server)) this.#closable.set(server, mayBeClosedAgain(server))
  }

  /**
   * Keeps a framework that closes a server from closing its connections, until `closeAllConnections`. Since Node 19, `close()` also
   * cuts responses that are ended but not flushed (nodejs/node#60617). Only replacing the methods of the server prevents that.
   */
  keepConnections(): void {
    for (const server of this.#all) {
      for (const name of ['closeIdleConnections', 'closeAllConnections'] as const) {
        if (name in server) this.#keeping.push(replaceMethod(server, name, () => () => {}))
      }
    }
  }

  /** Closes all connections by force, including earlier ones and unfinished TLS handshakes. */
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
    this.#guard.add(server)
    if (!this.#unlistened) this.#events.listening(server)
    // The application was still starting when the drain closed. The server closes in a later turn, because the application may
    // read the address in its callback of `listen()`.
    else setImmediate(() => this.unlisten())
  }

  /** Calls `release` when a server has closed, unless this drain has closed it: that server is released with the drain. */
  #afterClose(server: net.Server, release: () => void): void {
    server.once('close', () => {
      if (!this.#unlistened) release()
    })
  }

  #release(server: net.Server): void {
    const watched = this.#servers.get(server)
    // The server may have another owner by now. That owner must stay.
    if (owners.get(server) === this) owners.delete(server)
    this.#servers.delete(server)
    this.#onRelease.delete(server)
    this.earlier.release(server)
    watched?.removeInterceptor()
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
        if (!this.handshakes.finish(socket)) this.earlier.found(socket, server)
        if (onlyHttp1 || socket.alpnProtocol !== 'h2') onConnection(socket)
      })
    } else if (onlyHttp1) {
      on('connection', onConnection)
    }
    if (!onlyHttp1) {
      on('session', session)
      stops.push(callBefore(server, 'stream', stream))
    }
    // Node emits these events in place of 'request' if the request has an `Expect` header and the event has a listener.
    const begin = (event: string, begins: (request: never, other: never) => boolean): void => {
      stops.push(intercept(server, event, (request: never, other: never) => !begins(request, other)))
    }
    for (const event of ['checkContinue', 'checkExpectation']) begin(event, expecting)
    for (const event of ['upgrade', 'connect']) begin(event, upgrade)
    const answers: Answer[] = []
    return { stops, removeInterceptor: this.#intercept(server, answers), answers }
  }

  /**
   * Counts requests before the application gets them. The application does not get control requests, and requests that can no
   * longer be answered.
   */
  #intercept(server: net.Server, answers: readonly Answer[]): () => void {
    const { request: begins, handled } = this.#events
    const alone = !capturesRejections(server)
    return intercept(
      server,
      'request',
      (request: IncomingMessage, response: ServerResponse) => {
        if (!begins(request, response)) return true
        // By index: with the iterator of `for … of` the function is too long for V8 to inline.
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
