import type net from 'node:net'
import { type Method, replaceMethod } from '../shared/replace.js'

/** The methods of a server that take it, or connections of it, from its clients. */
const methods = ['close', 'closeAllConnections', 'closeIdleConnections'] as const

/** A call that closed a server, or connections of it, while load balancers may still send to it. */
export interface EarlyClose {
  readonly method: (typeof methods)[number]
  /** The place of the call, as a line of a stack trace. */
  readonly by: string
}

/** Called for an early close. It must call `act`, which runs the method itself. */
export type OnEarlyClose = (server: net.Server, close: EarlyClose, act: () => void) => void

/**
 * While a drain goes on, load balancers may still send to its servers, and only podrain may close them or their
 * connections. The guard reports who else does. It does not prevent it.
 *
 * Node has no public event for it: 'close' is emitted only when the last connection has ended, and does not name the
 * caller. So these methods of this one server are replaced while it drains.
 */
export class CloseGuard {
  readonly #onClosed: OnEarlyClose
  /** The guarded servers, each with the function that restores it. */
  readonly #guarded = new Map<net.Server, () => void>()
  /** Guarded servers that no longer accept connections. */
  readonly #stopped = new Set<net.Server>()
  #active = false

  constructor(onClosed: OnEarlyClose) {
    this.#onClosed = onClosed
  }

  begin(servers: Iterable<net.Server>): void {
    this.#active = true
    for (const server of servers) if (server.listening) this.add(server)
  }

  /** Guards one more server, if the guard has begun. */
  add(server: net.Server): void {
    if (!this.#active) return
    this.#stopped.delete(server) // it may have been closed and listen again
    if (this.#guarded.has(server)) return
    this.#guarded.set(server, guard(server, this.#report))
  }

  /** Forgets a server that somebody else drains from now on. */
  forget(server: net.Server): void {
    this.#guarded.get(server)?.()
    this.#guarded.delete(server)
  }

  /** Reports servers that stopped accepting in another way than by `close()`. */
  check(): void {
    for (const server of this.#guarded.keys()) {
      if (!server.listening) this.#report(server, { method: 'close', by: 'an unknown place' }, () => {})
    }
  }

  end(): void {
    this.#active = false
    for (const restore of this.#guarded.values()) restore()
    this.#guarded.clear()
    this.#stopped.clear()
  }

  readonly #report: OnEarlyClose = (server, close, act) => {
    if (close.method === 'close' && this.#stopped.has(server)) return act()
    if (close.method === 'close') this.#stopped.add(server)
    this.#onClosed(server, close, act)
  }
}

/**
 * Reports the calls of these methods of a server by anybody but podrain.
 * @returns The function that restores the methods.
 */
function guard(server: net.Server, report: OnEarlyClose): () => void {
  let reporting = false // `close()` calls the other methods itself
  const restores: (() => void)[] = []
  for (const method of methods) {
    if (!(method in server)) continue // most servers of HTTP/2 have only `close()`
    const by =
      (original: Method) =>
      (...args: unknown[]) => {
        if (reporting) return original(...args)
        reporting = true
        let result: unknown
        try {
          report(server, { method, by: callerIn(new Error(method).stack ?? '') }, () => {
            result = original(...args)
          })
        } finally {
          reporting = false
        }
        return result
      }
    try {
      restores.push(replaceMethod(server, method, by))
    } catch {
      // The application has frozen it, so nobody can report a call of it.
    }
  }
  return () => {
    for (const restore of restores) restore()
  }
}

/**
 * The innermost place in the application's code, or else in a library. podrain's own two places, this guard and
 * `replaceMethod`, are known by their number: in a bundle everything has the same file.
 */
function callerIn(stack: string): string {
  const places = stack
    .split('\n')
    .slice(3) // the first line is the message
    .map((line) => line.trim().replace(/^at /, ''))
    // `new Promise (<anonymous>)` is the engine's.
    .filter((place) => !/\bnode:|<anonymous>\)$/.test(place))
  return places.find((place) => !place.includes('node_modules')) ?? places[0] ?? 'an unknown place'
}
