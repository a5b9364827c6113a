import { once } from 'node:events'
import net, { type Socket } from 'node:net'
import tls from 'node:tls'
import { HTTPParser } from 'http-parser-js'
import { Requests } from './requests.js'

/** Where a server listens. */
export type Address = { readonly host: string; readonly port: number } | { readonly path: string }

/** A response that was received completely. */
export interface Received {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** A client connection on which a test writes any bytes, and which records everything that it receives. */
export class Wire {
  readonly socket: Socket
  /** The complete responses, without interim responses (1xx). */
  readonly responses: Received[] = []
  /** Whether the first bytes of a body were received. */
  bodyBegun = false
  /** All received bytes as text, with headers. */
  received = ''
  /** Whether the server has sent a FIN. */
  ended = false
  /** Whether the connection is closed. */
  closed = false
  /** The code of the error that has ended the connection, such as ECONNRESET. */
  broken: string | undefined
  readonly #closing: Promise<unknown>
  readonly #requests: Requests

  private constructor(socket: Socket, requests: Requests) {
    this.socket = socket
    this.#requests = requests
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

  /** @param encrypted Whether to use TLS, with HTTP/1.1 in ALPN. */
  static async open(address: Address, encrypted = false, requests: Requests = new Requests()): Promise<Wire> {
    const socket = encrypted
      ? tls.connect({ ...address, ...requests.tls('http/1.1') } as tls.ConnectionOptions)
      : net.connect(address as net.NetConnectOpts)
    const wire = new Wire(socket, requests)
    await once(socket, encrypted ? 'secureConnect' : 'connect')
    return wire
  }

  send(text: string): this {
    this.socket.write(text, 'latin1')
    return this
  }

  /** Sends GET requests. Several paths in one call are pipelined. */
  get(...paths: string[]): this {
    return this.send(paths.map((path) => `${this.#requests.head('GET', path)}\r\n`).join(''))
  }

  post(path: string, length: number, body: string, ...headers: string[]): this {
    const head = this.#requests.head('POST', path, `Content-Length: ${length}`, ...headers)
    return this.send(`${head}\r\n${body}`)
  }

  /** The number of matches in the received text. */
  count(pattern: RegExp): number {
    return this.received.match(new RegExp(pattern.source, `${pattern.flags}g`))?.length ?? 0
  }

  /** Waits for a number of matches in the received text. Rejects if the connection closes first. */
  until(pattern: RegExp, times = 1): Promise<this> {
    return this.#wait(() => this.count(pattern) >= times, `${times} × ${pattern}`)
  }

  /** Waits for a number of complete responses. Rejects if the connection closes first. */
  async answers(count = 1): Promise<readonly Received[]> {
    await this.#wait(() => this.responses.length >= count, `${count} whole responses`)
    return this.responses
  }

  /** Waits for the first bytes of a body. Rejects if the connection closes first. */
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

  /** A parser for HTTP/1 responses. Bytes of other protocols are only in `received`. */
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

  /** Waits until the connection is closed. */
  async gone(): Promise<this> {
    await this.#closing
    return this
  }

  abort(): void {
    this.socket.destroy()
  }

  /** The head of the newest response in lower case, also before its body is complete. */
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
