import type net from 'node:net'

/** The directory of podrain's own files, which are skipped when a caller is looked for. */
const ownFiles = __dirname.replace(/[\\/]http$/, '')

/**
 * While a drain goes on, load balancers may still send to its servers, and only podrain may close them. The guard reports
 * a server that somebody else closes.
 */
export class CloseGuard {
  readonly #onClosed: (server: net.Server, by: string) => void
  /** The guarded servers, each with the function that restores it. */
  readonly #guarded = new Map<net.Server, () => void>()
  #active = false

  /** @param onClosed Called once for a server that was closed. `by` is a place in the code. */
  constructor(onClosed: (server: net.Server, by: string) => void) {
    this.#onClosed = onClosed
  }

  begin(servers: Iterable<net.Server>): void {
    this.#active = true
    for (const server of servers) if (server.listening) this.add(server)
  }

  /** Guards one more server, if the guard has begun. */
  add(server: net.Server): void {
    if (!this.#active || this.#guarded.has(server)) return
    this.#guarded.set(
      server,
      reportClose(server, (by) => this.#report(server, by)),
    )
  }

  /** Reports servers that stopped accepting in another way than by `close()`. */
  check(): void {
    for (const server of this.#guarded.keys()) if (!server.listening) this.#report(server, 'an unknown place')
  }

  end(): void {
    this.#active = false
    for (const restore of this.#guarded.values()) restore()
    this.#guarded.clear()
  }

  #report(server: net.Server, by: string): void {
    this.#guarded.get(server)?.()
    if (this.#guarded.delete(server)) this.#onClosed(server, by)
  }
}

/**
 * Reports a call of `server.close()` by anybody but podrain. From that call on, clients that connect are refused.
 *
 * Node has no public event for it: 'close' is emitted only when the last connection has ended, and does not name the
 * caller. So the `close` method of this one server is replaced while it drains.
 *
 * @param report Gets the place of the call, as a line of a stack trace.
 * @returns The function that restores the method.
 */
function reportClose(server: net.Server, report: (by: string) => void): () => void {
  const wasOwn = Object.hasOwn(server, 'close')
  const close = server.close
  const instead: typeof close = function (this: net.Server, ...args) {
    if (server.listening) report(callerIn(new Error('closed').stack ?? ''))
    return close.apply(this, args)
  }
  server.close = instead
  return () => {
    if (server.close !== instead) return // another library has replaced the method since, and calls this one
    if (wasOwn) server.close = close
    else delete (server as Partial<net.Server>).close
  }
}

/** The innermost place in the application's code, or else in a library. */
function callerIn(stack: string): string {
  const places = stack
    .split('\n')
    .slice(1)
    .map((line) => line.trim().replace(/^at /, ''))
    // `new Promise (<anonymous>)` is the engine's.
    .filter((place) => !/\bnode:|<anonymous>\)$/.test(place) && !place.includes(ownFiles))
  return places.find((place) => !place.includes('node_modules')) ?? places[0] ?? 'an unknown place'
}
