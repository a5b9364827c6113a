import { chmodSync, lstatSync, renameSync, unlinkSync } from 'node:fs'
import http from 'node:http'
import net, { type AddressInfo, type Server } from 'node:net'
import { isDeepStrictEqual } from 'node:util'
import type { Answer } from '../shared/request.js'
import type { DrainView } from './drain-view.js'

/**
 * Marks the servers of control ports and sockets. They belong to podrain, so no drain may watch them, not even a drain of
 * another copy of the package.
 */
const controlMark: unique symbol = Symbol.for('podrain.control') as never

/** Whether a server is the control port or control socket of a drain, of this or of another copy of the package. */
export function isControlServer(server: Server): boolean {
  return controlMark in server
}

/** The default path of the unix socket, for `podrain-prestop`. */
export const defaultSocket = '/tmp/podrain.sock'

/** The maximum length of a socket path in bytes. Linux allows 107 (unix(7)), and a suffix is added until the socket is ready. */
export const longestPath = 90

/** Where to listen. */
export type Place = { readonly port: number } | { readonly path: string }

/** An adapter that wants the control endpoints of its drain on a port or a socket. */
export interface Holder {
  readonly drain: DrainView
  readonly answer: Answer
  /** How the port or the path was set: by an option, or by a variable. */
  readonly setBy: string
  /** Whether any other holder is asked in place of this one. */
  readonly standsIn: boolean
  readonly tokens: readonly string[]
  /** The options of the endpoints that the adapter was given in the code, without `token`. */
  readonly settings: Readonly<Record<string, unknown>>
  /** Called when this holder is asked, and the server listens. */
  readonly opened?: (() => void) | undefined
}

/** The listeners of this process, by port or path. With port 0, the operating system chooses a free port: one for each drain. */
const listeners = new Map<number | string | DrainView, ControlListener>()
let count = 0

/**
 * Answers the control endpoints on a separate, plain HTTP server until the drain is closed. The server answers even if the
 * application uses TLS, does not listen yet, or accepts no more connections. It does not keep the process alive. Its errors are
 * logged and not thrown, because the application can serve without it.
 *
 * All holders of one port or path share the server. One of them is asked. When it leaves, the next one is asked. When the last one
 * leaves, the server closes.
 *
 * @returns The function with which the holder leaves earlier.
 * @throws {TypeError} if another adapter of the drain listens there with another token
 */
export function listenForControl(place: Place, holder: Holder): () => void {
  if (holder.drain.state === 'closed') return () => {}
  const key = nameOf(place) || holder.drain
  const listener = listeners.get(key) ?? new ControlListener(place, () => listeners.delete(key))
  listeners.set(key, listener)
  return listener.join(holder)
}

function nameOf(place: Place): number | string {
  return 'path' in place ? place.path : place.port
}

/** The server of a control port or a control socket, and the adapters that hold it. */
class ControlListener {
  readonly #place: Place
  readonly #forget: () => void
  /** The holders in the order in which they came, each with the function that makes it leave. */
  readonly #holders = new Map<Holder, () => void>()
  readonly #server: http.Server
  readonly #removeFile: () => void = () => {}
  /** Where the server listens, in words. undefined until it does. */
  #address: string | undefined

  /** @param forget Called when nobody holds this listener any longer. */
  constructor(place: Place, forget: () => void) {
    this.#place = place
    this.#forget = forget
    const server = http.createServer((request, response) => {
      if (!this.#asked?.answer(request, response)) response.writeHead(404, { 'content-length': 0 }).end()
    })
    this.#server = server
    Object.defineProperty(server, controlMark, { value: true })
    server.on('connection', (socket) => socket.unref())
    const fail = (error: NodeJS.ErrnoException): void => this.#fail(error)
    server.on('error', fail)
    if ('path' in place) {
      this.#removeFile = listenOn(server, place.path, fail, (path) => this.#opened(path))
    } else {
      server.listen(place.port, () => this.#opened(`port ${(server.address() as AddressInfo).port}`))
      server.unref()
    }
  }

  /** @throws {TypeError} if the holder's drain is asked there with another token */
  join(holder: Holder): () => void {
    this.#checkTokens(holder)
    const leave = (): void => {
      const before = this.#asked
      holder.drain.off('report', leave)
      this.#holders.delete(holder)
      const asked = this.#asked
      if (!asked) this.#close()
      else if (asked !== before) this.#tell(asked)
    }
    this.#holders.set(holder, leave)
    holder.drain.once('report', leave)
    this.#tell(holder)
    return leave
  }

  /** The holder whose endpoints are answered. */
  get #asked(): Holder | undefined {
    const holders = [...this.#holders.keys()]
    return holders.find(({ standsIn }) => !standsIn) ?? holders[0]
  }

  /** One drain has one token on the port, because the endpoints would otherwise be open to callers that an adapter excludes. */
  #checkTokens({ drain, standsIn, tokens }: Holder): void {
    const asked = this.#asked
    if (standsIn || !asked || asked.standsIn || asked.drain !== drain) return
    if (isDeepStrictEqual(new Set(tokens), new Set(asked.tokens))) return
    throw new TypeError(
      `Expected all adapters of one drain to have the same \`token\` on the control port ${nameOf(this.#place)}, which they share: ` +
        'set PODRAIN_TOKEN, or give each adapter the same `token`',
    )
  }

  #opened(address: string): void {
    this.#address = address
    for (const holder of this.#holders.keys()) this.#tell(holder)
  }

  /** Tells a holder whether it is asked, as soon as the server listens. */
  #tell(holder: Holder): void {
    const asked = this.#asked
    if (this.#address === undefined || !asked || holder.drain.state === 'closed') return
    const { drain, setBy, standsIn } = holder
    if (holder === asked) {
      drain.logger.info(`control endpoints on ${this.#address}`)
      holder.opened?.()
    } else if (standsIn) {
      return
    } else if (drain === asked.drain) {
      tellShared(holder, asked, nameOf(this.#place))
    } else {
      const option = 'path' in this.#place ? 'controlSocket' : 'controlPort'
      drain.logger.error(
        `${this.#cannot(setBy)}: another drain of this process listens there: give that drain to this adapter as \`drain\`, or set another \`${option}\` in the code`,
      )
    }
  }

  #cannot(setBy: string): string {
    return `cannot listen on ${setBy} ${nameOf(this.#place)}, so no hook and no probe of this drain is answered there`
  }

  #fail(error: NodeJS.ErrnoException): void {
    const asked = this.#asked
    const why =
      error.code === 'EADDRINUSE'
        ? 'another server has this port: set another one, also in the hook and the probes'
        : error.message
    const told = new Set<DrainView>()
    const holders = [...this.#holders]
    this.#holders.clear()
    for (const [holder, leave] of holders) {
      leave()
      const { drain, setBy, standsIn } = holder
      if (told.has(drain) || (standsIn && holder !== asked)) continue
      told.add(drain)
      drain.logger.error(`${this.#cannot(setBy)}: ${why}`)
    }
  }

  #close(): void {
    this.#forget()
    this.#removeFile()
    this.#server.close()
    this.#server.closeAllConnections()
  }
}

/** Tells a further adapter of the same drain that the options of another one count. */
function tellShared({ drain, settings }: Holder, asked: Holder, place: number | string): void {
  const line = `control endpoints on ${place} already, with the options of the first adapter of this drain`
  const unheard = Object.keys(settings).filter((name) => !isDeepStrictEqual(settings[name], asked.settings[name]))
  const names = unheard.map((name) => `\`${name}\``).join(', ')
  if (names === '') drain.logger.info(line)
  else drain.logger.warn(`${line}: ${names} of this adapter does not count there, so give it to the first one`)
}

/**
 * Listens on a unix socket that only the owner of the process may use. The socket is created beside the path and
 * renamed, so that it never has other permissions at the path. A file that a killed process left behind is replaced.
 *
 * @returns The function that removes the file, if it is still the same one.
 */
function listenOn(
  server: http.Server,
  path: string,
  logError: (error: Error) => void,
  onListening: (path: string) => void,
): () => void {
  const beside = `${path}.${process.pid.toString(36)}${(count++).toString(36)}`
  let inode: number | undefined
  server.listen(beside, () => {
    ifFree(
      path,
      () => {
        chmodSync(beside, 0o600)
        renameSync(beside, path)
        inode = lstatSync(path).ino
        onListening(path)
      },
      (error) => {
        server.close()
        logError(error)
      },
    )
  })
  server.unref()
  return () => {
    try {
      if (inode !== undefined && lstatSync(path).ino === inode) unlinkSync(path)
    } catch {
      // Something else has removed the file.
    }
  }
}

/**
 * Calls `yes` if the path is free: no file is there, or a socket that no process listens on. Otherwise calls `no`, because
 * another program uses the file.
 */
function ifFree(path: string, yes: () => void, no: (error: Error) => void): void {
  const attempt = (): void => {
    try {
      yes()
    } catch (error) {
      no(error as Error)
    }
  }
  const there = lstatSync(path, { throwIfNoEntry: false })
  if (!there) {
    attempt()
  } else if (!there.isSocket()) {
    no(new Error('there is a file, and it is not a socket'))
  } else {
    const probe = net.connect(path)
    probe.on('connect', () => {
      probe.destroy()
      no(new Error('another process listens there'))
    })
    probe.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') attempt()
      else no(error)
    })
  }
}
