import type { EventEmitter } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import net, { type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import tls from 'node:tls'

/** What is found of the connections from before a server was watched. */
export interface EarlierEvents {
  /** An idle connection of HTTP/1. `answered`: it has carried a response, and so was promised keep-alive. */
  idle(socket: Socket, server: net.Server, answered: boolean): void
  /** Connections that cannot be found, only counted. */
  unknown(count: number, server: net.Server): void
  /** Whether requests on the socket are counted already, as the next one has come. */
  knows(socket: Socket): boolean
}

/** Something that is known of by now. */
type Found = Pick<Socket, 'destroyed'> & EventEmitter

/** A server that had connections before it was watched, some of which are unknown. */
interface Late {
  /** Its connections that have come since, or have been found. */
  readonly known: Set<Found>
  /** How many more there are, when it was last asked. Fewer and fewer: a new one is known. */
  unknown: number
  readonly stop: () => void
}

/**
 * The connections that were there before their server was watched. Node gives no list of them. Those of HTTP/1 are found
 * all the same: the idle ones are taken over at once, the others when they are idle or their next request comes. Those of
 * HTTP/2 are found at their next request. What is left is counted: handshakes, WebSockets, and sessions that may be idle or
 * may carry a request.
 */
export class Earlier {
  readonly #events: EarlierEvents
  /** Those with a request under way that nobody has counted. */
  readonly #underWay = new Map<Socket, net.Server>()
  readonly #late = new Map<net.Server, Late>()
  /** The sessions that were found by a request. */
  readonly #sessions = new Set<Found>()

  constructor(events: EarlierEvents) {
    this.#events = events
  }

  /** Requests under way that came before their server was watched. */
  get underWay(): number {
    if (this.#underWay.size > 0) this.#findIdle()
    return this.#underWay.size
  }

  /** Connections that may carry a request which nobody sees: sessions of HTTP/2, and any under a runtime that shows none. */
  get hidden(): number {
    return this.#count((server) => !isHttp1(server) || !shows())
  }

  /** Connections that nobody knows anything about, or that still carry a request. */
  get unknown(): number {
    return this.underWay + this.#count(() => true)
  }

  /**
   * The server is watched from now on.
   * @param counted whether connections that cannot be found are to be counted
   */
  watch(server: net.Server, counted: boolean): void {
    const sockets = socketsOf(server, 'closeAllConnections')
    for (const socket of sockets) {
      this.#underWay.set(socket, server)
      socket.on('close', () => this.#underWay.delete(socket))
    }
    if (sockets.length > 0) this.#findIdle()
    if (counted && server.listening) this.#countOf(server, sockets)
  }

  /** A session that was not known has got a request. */
  foundSession(session: Found): void {
    if (this.#late.size > 0) keep(this.#sessions, session)
  }

  /** A connection that was not known has ended its TLS handshake. */
  foundSecured(socket: Found, server: net.Server): void {
    const late = this.#late.get(server)
    if (late) keep(late.known, socket)
  }

  /** Asks again how many are unknown. It is known a moment later. */
  look(): void {
    for (const [server, late] of this.#late) {
      server.getConnections((_error, count) => {
        late.unknown = unknownOf(count, late)
        if (late.unknown === 0) this.#countNoMore(server)
      })
    }
  }

  /** Lets go of the server. */
  release(server: net.Server): void {
    this.#countNoMore(server)
    for (const [socket, itsServer] of this.#underWay) if (itsServer === server) this.#underWay.delete(socket)
  }

  /** Cuts what is still under way. */
  destroy(): void {
    for (const socket of this.#underWay.keys()) socket.destroy()
  }

  #findIdle(): void {
    const servers = new Set(this.#underWay.values())
    const idle = new Set([...servers].flatMap((server) => socketsOf(server, 'closeIdleConnections')))
    for (const [socket, server] of this.#underWay) {
      const answered = socket.bytesRead !== 0 // a Duplex does not tell
      // Node takes a response for sent that waits to be (nodejs/node#60617).
      const over = !answered || (idle.has(socket) && socket.writableLength === 0)
      if (!over && !socket.destroyed && !this.#events.knows(socket)) continue
      this.#underWay.delete(socket)
      if (over && !socket.destroyed && !this.#events.knows(socket)) this.#events.idle(socket, server, answered)
    }
  }

  #countNoMore(server: net.Server): void {
    this.#late.get(server)?.stop()
    this.#late.delete(server)
  }

  #count(which: (server: net.Server) => boolean): number {
    if (this.#late.size === 0) return 0
    let unknown = 0
    for (const [server, late] of this.#late) if (which(server)) unknown += late.unknown
    return Math.max(0, unknown - open(this.#sessions))
  }

  #countOf(server: net.Server, sockets: readonly Socket[]): void {
    const known = new Set<Found>()
    const onConnection = (socket: Socket): void => keep(known, socket)
    sockets.forEach(onConnection)
    server.on('connection', onConnection)
    const late: Late = { known, unknown: 0, stop: () => server.removeListener('connection', onConnection) }
    this.#late.set(server, late)
    server.getConnections((_error, count) => {
      late.unknown = unknownOf(count, late)
      if (late.unknown > 0) this.#events.unknown(late.unknown, server)
      else this.#countNoMore(server)
    })
  }
}

/** Until it closes. */
function keep(set: Set<Found>, found: Found): void {
  set.add(found)
  found.once('close', () => set.delete(found))
}

export function isHttp1(server: net.Server): boolean {
  return server instanceof http.Server || server instanceof https.Server
}

function unknownOf(count: number, { known }: Late): number {
  return Math.max(0, count - open(known))
}

/** Not those that have closed: a server no longer counts them, a moment before they say so. */
function open(all: Iterable<Found>): number {
  let count = 0
  for (const { destroyed } of all) if (!destroyed) count++
  return count
}

/**
 * The HTTP/1 connections of a server, all or the idle ones. Node has a list of them, and nothing public that shows it; but
 * it has two methods that destroy them. Called while sockets only note that they are to be destroyed, these show it. The
 * prototype is changed for that, as which instances there are is the question, and for one call, in which nothing else runs.
 */
function socketsOf(server: net.Server, method: 'closeAllConnections' | 'closeIdleConnections'): Socket[] {
  return shows() ? noted(server, method) : []
}

let shown: boolean | undefined

/** Whether this runtime shows them so. Not so Bun, whose servers of HTTP are none of node:net. */
function shows(): boolean {
  shown ??= tryOut()
  return shown
}

/** On a server of our own: where `destroy` is not what it calls, connections would be cut. */
function tryOut(): boolean {
  const inherited = [net.Socket, tls.TLSSocket].every(({ prototype }) => !Object.hasOwn(prototype, 'destroy'))
  const server = http.createServer()
  if (!inherited || !(server instanceof net.Server)) return false
  const socket = new net.Socket()
  server.emit('listening') // from then on it keeps the list
  server.emit('connection', socket)
  const isNoted = noted(server, 'closeAllConnections').includes(socket) && !socket.destroyed
  socket.destroy()
  server.close()
  return isNoted
}

function noted(server: net.Server, method: 'closeAllConnections' | 'closeIdleConnections'): Socket[] {
  const sockets: Socket[] = []
  const { destroy } = Duplex.prototype
  Duplex.prototype.destroy = function note(this: Socket) {
    sockets.push(this)
    return this
  }
  try {
    http.Server.prototype[method].call(server as http.Server)
  } finally {
    Duplex.prototype.destroy = destroy
  }
  return sockets
}
