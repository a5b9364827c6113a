import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type NetConnectOpts, type Socket } from 'node:net'
import type { TestContext } from 'vitest'

/** A connection, as its server sees it. */
interface Seen {
  /** The last bytes of the client, and the last bytes of the server. */
  readonly last: () => string
  readonly lastBack: () => string
  /** How the client ended the connection: 'FIN', or the code of an error. */
  readonly end: Promise<string>
}

interface Held {
  readonly count: () => number
  release(): void
}

/**
 * A TCP proxy between a service and its database, or between a client and its service. It can hold back data, and records how each
 * connection ends.
 */
export class Relay {
  readonly connections: Seen[] = []
  port = 0
  /** The target of new connections. */
  target: NetConnectOpts
  #held: { readonly pattern: RegExp; readonly waiting: (() => void)[] } | undefined

  private constructor(target: NetConnectOpts) {
    this.target = target
  }

  static async open({ onTestFinished }: TestContext, target: NetConnectOpts): Promise<Relay> {
    const relay = new Relay(target)
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      onTestFinished(() => void socket.destroy())
      relay.#join(socket)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => void server.close())
    relay.port = (server.address() as AddressInfo).port
    return relay
  }

  /** Holds back data that matches the pattern from now on, and all later data on that connection. */
  hold(pattern: RegExp): Held {
    const waiting: (() => void)[] = []
    const held = { pattern, waiting }
    this.#held = held
    return {
      count: () => waiting.length,
      release: () => {
        if (this.#held === held) this.#held = undefined
        for (const go of waiting) go()
      },
    }
  }

  #join(socket: Socket): void {
    const upstream = connect({ ...this.target, allowHalfOpen: true, noDelay: true })
    let last = ''
    let lastBack = ''
    let ready: Promise<void> | undefined
    socket.on('data', (bytes) => {
      const text = bytes.toString('latin1')
      last = (last + text).slice(-100)
      const held = this.#held
      if (held?.pattern.test(text)) {
        const before = ready
        ready = new Promise<void>((resolve) => held.waiting.push(resolve)).then(() => before)
      }
      if (ready) ready = ready.then(() => void upstream.write(bytes))
      else upstream.write(bytes)
    })
    const end = new Promise<string>((resolve) => {
      socket.on('error', (reason) => {
        upstream.destroy()
        resolve((reason as NodeJS.ErrnoException).code ?? reason.message)
      })
      socket.on('end', () => {
        resolve('FIN')
        if (ready) void ready.then(() => upstream.end())
        else upstream.end()
      })
    })
    upstream.on('data', (bytes) => {
      lastBack = (lastBack + bytes.toString('latin1')).slice(-100)
    })
    upstream.pipe(socket)
    upstream.on('error', () => socket.destroy())
    this.connections.push({ last: () => last, lastBack: () => lastBack, end })
  }
}
