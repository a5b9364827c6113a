import { once } from 'node:events'
import net, { type Socket } from 'node:net'
import tls from 'node:tls'
import { HTTPParser } from 'http-parser-js'

/** Where a server listens. */
export type Address = { readonly host: string; readonly port: number } | { readonly path: string }

/** A response that was received whole. */
export interface Received {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Where a path of the contract's own application is on the server. */
export type Locate = (path: string) => string

/** A client that writes what it likes on its connection, and notes all that comes back. */
export class Wire {
  readonly socket: Socket
  /** The responses that were received whole, interim ones left out. */
  readonly responses: Received[] = []
  /** Whether the first bytes of a body are there. */
  bodyBegun = false
  /** All that was received, headers included. */
  received = ''
  /** Whether the server said good-bye in order. */
  ended = false
  /** Whether there is no connection any more. */
  closed = false
  /** The code with which the connection broke, as ECONNRESET. */
  broken: string | undefined
  readonly #closing: Promise<unknown>
  readonly #locate: Locate

  private constructor(socket: Socket, locate: Locate) {
    this.socket = socket
    this.#locate = locate
    const parser = this.#parser()
    socket.on('data', (chunk: Buffer) => {
      this.received += chunk.toString('latin1')
      parser.execute(chunk)
    })
    socket.on('end', () => {
      this.ended = true
      // A body without a length ends with its connection.
      parser.finish()
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
  static async open(address: Address, encrypted = false, locate: Locate = (path) => path): Promise<Wire> {
    const socket = encrypted
      ? tls.connect({ ...address, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] } as tls.ConnectionOptions)
      : net.connect(address as net.NetConnectOpts)
    const wire = new Wire(socket, locate)
    await once(socket, encrypted ? 'secureConnect' : 'connect')
    return wire
  }

  send(text: string): this {
    this.socket.write(text, 'latin1')
    return this
  }

  /** Asks for a path. Several in one call are pipelined. */
  get(...paths: string[]): this {
    return this.send(paths.map((path) => `GET ${this.#locate(path)} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`).join(''))
  }

  post(path: string, length: number, body: string, ...headers: string[]): this {
    const head = [
      `POST ${this.#locate(path)} HTTP/1.1`,
      'Host: 127.0.0.1',
      `Content-Length: ${length}`,
      ...headers,
    ].join('\r\n')
    return this.send(`${head}\r\n\r\n${body}`)
  }

  /** How often it has received this. */
  count(pattern: RegExp): number {
    return this.received.match(new RegExp(pattern.source, `${pattern.flags}g`))?.length ?? 0
  }

  /** Waits until it has received this, so many times. Throws if the connection closes before. */
  until(pattern: RegExp, times = 1): Promise<this> {
    return this.#wait(() => this.count(pattern) >= times, `${times} × ${pattern}`)
  }

  /** Waits until so many whole responses are there. Throws if the connection closes before. */
  async answers(count = 1): Promise<readonly Received[]> {
    await this.#wait(() => this.responses.length >= count, `${count} whole responses`)
    return this.responses
  }

  /** Waits until the first bytes of a body are there. Throws if the connection closes before. */
  begun(): Promise<this> {
    return this.#wait(() => this.bodyBegun, 'the first bytes of a body')
  }

  async #wait(isThere: () => boolean, what: string): Promise<this> {
    while (!isThere()) {
      if (this.closed) {
        const how = this.broken ?? (this.ended ? 'an end' : 'no end')
        throw new Error(`closed with ${how} before ${what}; received ${this.summary}`)
      }
      await Promise.race([once(this.socket, 'data').catch(() => {}), this.#closing])
    }
    return this
  }

  /** Takes the responses apart. What is no HTTP/1 is not taken apart: `received` has it. */
  #parser(): InstanceType<typeof HTTPParser> {
    const parser = new HTTPParser(HTTPParser.RESPONSE)
    let status = 0
    let headers: Record<string, string> = {}
    let body = ''
    parser[HTTPParser.kOnHeadersComplete] = ({ statusCode, headers: raw }) => {
      status = statusCode
      headers = {}
      for (let name = 0; name < raw.length; name += 2) {
        headers[String(raw[name]).toLowerCase()] = String(raw[name + 1])
      }
      body = ''
    }
    parser[HTTPParser.kOnBody] = (chunk, offset, length) => {
      this.bodyBegun = true
      body += chunk.toString('latin1', offset, offset + length)
    }
    parser[HTTPParser.kOnMessageComplete] = () => {
      if (status >= 200) this.responses.push({ status, headers, body })
    }
    return parser
  }

  /** Waits until there is no connection any more. */
  async gone(): Promise<this> {
    await this.#closing
    return this
  }

  abort(): void {
    this.socket.destroy()
  }

  /** The head of the newest response, also before its body is whole, in lower case. */
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
