import { once } from 'node:events'
import http, { type IncomingHttpHeaders } from 'node:http'
import http2, { type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2'
import https from 'node:https'
import net from 'node:net'
import type { Readable } from 'node:stream'
import tls from 'node:tls'
import { WebSocket } from 'ws'
import { Requests } from './requests.js'
import { type Address, Wire } from './wire.js'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
  readonly trailers: Record<string, unknown>
}

export interface AskOptions {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string
  /** The agent for the connection. @default a new keep-alive agent for this request */
  readonly agent?: http.Agent
  /** The HTTP/2 session. @default a new one */
  readonly session?: ClientHttp2Session
  /** Sends the request over HTTP/2, on a server that speaks both versions. */
  readonly over?: 2
  /** Reads at most this number of bytes every 5 ms. @default no limit */
  readonly pace?: number
}

/** Clients of one server. They hang up together. */
export class Clients {
  address: Address
  /** Whether the server expects TLS. */
  readonly encrypted: boolean
  readonly #version: 1 | 2
  readonly requests: Requests
  readonly #ends: (() => void)[] = []

  /**
   * @param version The version of HTTP that ordinary clients speak.
   * @param requests How requests are written for this server.
   */
  constructor(address: Address, encrypted: boolean, version: 1 | 2, requests: Requests = new Requests()) {
    this.address = address
    this.encrypted = encrypted
    this.#version = version
    this.requests = requests
  }

  /** Registers a function that `hangUp()` calls. */
  client(end: () => void): void {
    this.#ends.push(end)
  }

  /** All clients hang up. */
  hangUp(): void {
    for (const end of this.#ends.splice(0)) end()
  }

  /** A connection on which a test writes any bytes. */
  async wire(): Promise<Wire> {
    const wire = await Wire.open(this.address, this.encrypted, this.requests)
    this.#ends.push(() => wire.abort())
    return wire
  }

  /** A TCP connection without TLS, also if the server expects TLS. */
  async bareWire(): Promise<Wire> {
    const wire = await Wire.open(this.address)
    this.#ends.push(() => wire.abort())
    return wire
  }

  /** An idle keep-alive connection that has had one response. */
  async idleWire(): Promise<Wire> {
    const wire = (await this.wire()).get('/')
    await wire.answers()
    return wire
  }

  /** An HTTP/2 session, connected. */
  async session(): Promise<ClientHttp2Session> {
    const { address } = this
    const secured = { ...address, ...this.requests.tls('h2') }
    const session = http2.connect(this.origin, {
      createConnection: () => (this.encrypted ? tls.connect(secured) : net.connect(address)),
    })
    session.on('error', () => {})
    this.#ends.push(() => session.destroy())
    await once(session, 'connect')
    return session
  }

  /** A WebSocket that has been let in. */
  async webSocket(path: string): Promise<WebSocket> {
    const url = `${this.origin.replace('http', 'ws')}${this.requests.locate(path)}`
    const { headers } = this.requests
    const socket = new WebSocket(url, { headers, ...this.requests.tls('http/1.1') })
    this.#ends.push(() => socket.terminate())
    socket.on('error', () => {})
    await once(socket, 'open')
    return socket
  }

  get origin(): string {
    const port = 'port' in this.address ? this.address.port : 0
    return `${this.encrypted ? 'https' : 'http'}://127.0.0.1:${port}`
  }

  /** Sends a request as an ordinary client, and reads the whole response. */
  ask(path: string, options: AskOptions = {}): Promise<Answer> {
    const located = this.requests.locate(path)
    return this.#version === 2 || options.over === 2 ? this.#ask2(located, options) : this.#ask1(located, options)
  }

  /** Opens a stream of an HTTP/2 session. Errors of the stream are ignored. */
  stream(session: ClientHttp2Session, path: string, method: 'GET' | 'POST' = 'GET'): ClientHttp2Stream {
    const stream = session.request(
      { ...this.requests.http2Headers, ':path': this.requests.locate(path), ':method': method },
      { endStream: method === 'GET' },
    )
    stream.on('error', () => {})
    return stream
  }

  async #ask1(path: string, { agent, body = '', pace, method = 'GET', headers = {} }: AskOptions): Promise<Answer> {
    const own = agent ?? this.agent()
    try {
      const where = 'path' in this.address ? { socketPath: this.address.path } : this.address
      const { request } = this.encrypted ? https : http
      const sent = request({
        ...where,
        path,
        method,
        headers: { ...this.requests.headers, ...headers },
        agent: own,
      }).end(body)
      // It may break in the middle of the answer. Whoever reads the answer hears of it, too.
      sent.on('error', () => {})
      const [response] = (await once(sent, 'response')) as [http.IncomingMessage]
      const text = await read(response, pace)
      const { statusCode = 0, trailers } = response
      return { status: statusCode, headers: response.headers, body: text, trailers }
    } finally {
      if (!agent) own.destroy()
    }
  }

  async #ask2(path: string, options: AskOptions): Promise<Answer> {
    const session = options.session ?? (await this.session())
    try {
      const { body = '', method = 'GET', headers = {} } = options
      const stream = session.request(
        { ...this.requests.http2Headers, ...headers, ':path': path, ':method': method },
        { endStream: body === '' },
      )
      if (body !== '') stream.end(body)
      return await answerOf(stream, options.pace)
    } finally {
      if (!options.session) session.close()
    }
  }

  /** A keep-alive agent with one connection. */
  agent(): http.Agent {
    const options = { keepAlive: true, maxSockets: 1 }
    const agent = this.encrypted ? new https.Agent({ ...options, rejectUnauthorized: false }) : new http.Agent(options)
    this.#ends.push(() => agent.destroy())
    return agent
  }
}

/** The response on an HTTP/2 stream. Rejects with the error code of the stream if the response was not complete. */
export async function answerOf(stream: ClientHttp2Stream, pace?: number): Promise<Answer> {
  let trailers = {}
  let answered = false
  stream.on('trailers', (headers) => {
    trailers = headers
  })
  const broken = new Promise<never>((_, reject) => {
    const breakOff = (): void => reject(new Error(`the stream closed with code ${stream.rstCode}`))
    stream.on('error', breakOff)
    stream.on('aborted', breakOff)
    // Without an error, a stream may close before its last bytes have been read.
    stream.on('close', () => (stream.rstCode === 0 && answered ? undefined : breakOff()))
  })
  broken.catch(() => {})
  const [headers] = await Promise.race([once(stream, 'response'), broken])
  answered = true
  const body = await Promise.race([read(stream, pace), broken])
  if (stream.aborted || (stream.rstCode ?? 0) > 0) await broken
  return { status: Number(headers[':status']), headers, body, trailers }
}

async function read(body: Readable, pace = Number.POSITIVE_INFINITY): Promise<string> {
  const parts: Buffer[] = []
  let due = pace
  for await (const chunk of body as AsyncIterable<Buffer>) {
    parts.push(chunk)
    due -= chunk.length
    if (due > 0) continue
    due = pace
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  return Buffer.concat(parts).toString('latin1')
}
