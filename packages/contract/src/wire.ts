import { once } from 'node:events'
import net, { type Socket } from 'node:net'
import tls from 'node:tls'

/** Where a server listens. */
export type Address = { readonly host: string; readonly port: number } | { readonly path: string }

/** A client that writes what it likes on its connection, and notes all that comes back. */
export class Wire {
  readonly socket: Socket
  /** All that was received, headers included. */
  received = ''
  /** Whether the server said good-bye in order. */
  ended = false
  /** Whether there is no connection any more. */
  closed = false
  /** The code with which the connection broke, as ECONNRESET. */
  broken: string | undefined
  readonly #closing: Promise<unknown>

  private constructor(socket: Socket) {
    this.socket = socket
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      this.received += text
    })
    socket.on('end', () => {
      this.ended = true
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.broken = error.code ?? error.message
    })
    this.#closing = new Promise((resolve) => {
      socket.on('close', () => {
        this.closed = true
        resolve(undefined)
      })
    })
  }

  /** @param encrypted speaks TLS, and HTTP/1.1 within */
  static async open(address: Address, encrypted = false): Promise<Wire> {
    const socket = encrypted
      ? tls.connect({ ...address, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] } as tls.ConnectionOptions)
      : net.connect(address as net.NetConnectOpts)
    const wire = new Wire(socket)
    await once(socket, encrypted ? 'secureConnect' : 'connect')
    return wire
  }

  send(text: string): this {
    this.socket.write(text, 'latin1')
    return this
  }

  /** Asks for a path. Several in one call are pipelined. */
  get(...paths: string[]): this {
    return this.send(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: pod\r\n\r\n`).join(''))
  }

  post(path: string, length: number, body: string, ...headers: string[]): this {
    const head = [`POST ${path} HTTP/1.1`, 'Host: pod', `Content-Length: ${length}`, ...headers].join('\r\n')
    return this.send(`${head}\r\n\r\n${body}`)
  }

  /** How often it has received this. */
  count(pattern: RegExp): number {
    return this.received.match(new RegExp(pattern.source, `${pattern.flags}g`))?.length ?? 0
  }

  /** Waits until it has received this, so many times. Throws if the connection closes before. */
  async until(pattern: RegExp, times = 1): Promise<this> {
    while (this.count(pattern) < times) {
      if (this.closed) {
        const how = this.broken ?? (this.ended ? 'an end' : 'no end')
        throw new Error(`closed with ${how} before ${times} × ${pattern}; received ${this.summary}`)
      }
      await Promise.race([once(this.socket, 'data').catch(() => {}), this.#closing])
    }
    return this
  }

  /** Waits until there is no connection any more. */
  async gone(): Promise<this> {
    await this.#closing
    return this
  }

  abort(): void {
    this.socket.destroy()
  }

  /** The head of the newest response, in lower case. */
  get head(): string {
    const start = this.received.lastIndexOf('HTTP/1.1 ')
    return this.received.slice(start, this.received.indexOf('\r\n\r\n', start)).toLowerCase()
  }

  get summary(): string {
    const { length } = this.received
    return length < 600
      ? JSON.stringify(this.received)
      : `${length} bytes, ${JSON.stringify(this.received.slice(0, 300))} …`
  }
}
