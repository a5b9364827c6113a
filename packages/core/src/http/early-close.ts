import type net from 'node:net'
import { type Method, replaceMethod } from '../shared/replace.js'

/** The methods of a server that close the server or its connections. */
const methods = ['close', 'closeAllConnections', 'closeIdleConnections'] as const

/** A call that closed a server, or some of its connections, while load balancers may still send to it. */
export interface EarlyClose {
  readonly method: (typeof methods)[number]
  /** The place of the call, as a line of a stack trace. */
  readonly by: string
}

/** Called for an early close. It must call `act`, which runs the method itself. */
export type OnEarlyClose = (server: net.Server, close: EarlyClose, act: () => void) => void

/**
 * Reports other code that closes a draining server or its connections, although load balancers may still send to the server. The
 * guard reports the call, and does not prevent it.
 *
 * Node has no public event for such a call: 'close' is emitted only when the last connection has ended, and does not name the
 * caller. So the guard replaces these methods of the server while it drains.
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

  /** Stops guarding a server that another drain takes over. */
  forget(server: net.Server): void {
    this.#guarded.get(server)?.()
    this.#guarded.delete(server)
  }

  /** Reports servers that no longer accept connections although nothing has called their `close()`. */
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
 * Replaces the methods of a server, to report their calls. podrain itself ends the guard before it closes a server.
 * @returns The function that restores the methods.
 */
function guard(server: net.Server, report: OnEarlyClose): () => void {
  let reporting = false // `close()` calls the other methods itself
  const restores: (() => void)[] = []
  for (const method of methods) {
    if (!(method in server)) continue // most HTTP/2 servers have only `close()`
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
      // The application has frozen the server, so its calls cannot be reported.
    }
  }
  return () => {
    for (const restore of restores) restore()
  }
}

/**
 * The innermost place of a stack in the application's code, or else in a library. The first two places belong to podrain: this
 * guard and `replaceMethod`. They are recognised by their position, because in a bundle all code is in one file.
 */
function callerIn(stack: string): string {
  const places = stack
    .split('\n')
    .slice(3) // the first line is the message
    .map((line) => line.trim().replace(/^at /, ''))
    // Places in V8 and Node: `new Promise (<anonymous>)`, `node:internal/…`.
    .filter((place) => !/\bnode:|<anonymous>\)$/.test(place))
  return places.find((place) => !place.includes('node_modules')) ?? places[0] ?? 'an unknown place'
}
