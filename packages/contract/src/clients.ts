import { once } from 'node:events'
import http, { type IncomingHttpHeaders } from 'node:http'
import http2, { type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2'
import https from 'node:https'
import net from 'node:net'
import type { Readable } from 'node:stream'
import tls from 'node:tls'
import { WebSocket } from 'ws'
import { type Address, type Locate, Wire } from './wire.js'

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
  /** A connection to keep. @default a new one, that is kept alive until the answer is whole */
  readonly agent?: http.Agent
  /** A session to use, over HTTP/2. @default a new one */
  readonly session?: ClientHttp2Session
  /** The version of HTTP, on a server that speaks two. */
  readonly over?: 2
  /** Reads not more than so many bytes every 5 ms. */
  readonly pace?: number
}

/** Clients of one server. They hang up together. */
export class Clients {
  address: Address
  /** Whether the server expects TLS. */
  readonly encrypted: boolean
  readonly #version: 1 | 2
  readonly locate: Locate
  readonly #ends: (() => void)[] = []

  /**
   * @param version of HTTP that ordinary clients speak
   * @param locate where the paths of the contract's own application are
   */
  constructor(address: Address, encrypted: boolean, version: 1 | 2, locate: Locate = (path) => path) {
    this.address = address
    this.encrypted = encrypted
    this.#version = version
    this.locate = locate
  }

  /** Something to end with the other clients. */
  client(end: () => void): void {
    this.#ends.push(end)
  }

  /** All clients hang up. */
  hangUp(): void {
    for (const end of this.#ends.splice(0)) end()
  }

  /** A client that writes what it likes. */
  async wire(): Promise<Wire> {
    const wire = await Wire.open(this.address, this.encrypted, this.locate)
    this.#ends.push(() => wire.abort())
    return wire
  }

  /** A TCP connection, though the server may expect TLS. */
  async bareWire(): Promise<Wire> {
    const wire = await Wire.open(this.address)
    this.#ends.push(() => wire.abort())
    return wire
  }

  /** A connection that has had an answer, and is kept. */
  async idleWire(): Promise<Wire> {
    const wire = (await this.wire()).get('/')
    await wire.answers()
    return wire
  }

  /** An HTTP/2 session, connected. */
  async session(): Promise<ClientHttp2Session> {
    const { address } = this
    const secured = { ...address, rejectUnauthorized: false, ALPNProtocols: ['h2'] }
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
    const url = `${this.origin.replace('http', 'ws')}${this.locate(path)}`
    const socket = new WebSocket(url, { rejectUnauthorized: false })
    this.#ends.push(() => socket.terminate())
    socket.on('error', () => {})
    await once(socket, 'open')
    return socket
  }

  get origin(): string {
    const port = 'port' in this.address ? this.address.port : 0
    return `${this.encrypted ? 'https' : 'http'}://127.0.0.1:${port}`
  }

  /** Sends a request as an ordinary client, and reads the whole answer. */
  ask(path: string, options: AskOptions = {}): Promise<Answer> {
    const located = this.locate(path)
    return this.#version === 2 || options.over === 2 ? this.#ask2(located, options) : this.#ask1(located, options)
  }

  /** A stream of an HTTP/2 session. What becomes of it is seen by whoever listens. */
  stream(session: ClientHttp2Session, path: string, method: 'GET' | 'POST' = 'GET'): ClientHttp2Stream {
    const stream = session.request({ ':path': this.locate(path), ':method': method }, { endStream: method === 'GET' })
    stream.on('error', () => {})
    return stream
  }

  async #ask1(path: string, { agent, body = '', pace, method = 'GET', headers = {} }: AskOptions): Promise<Answer> {
    const own = agent ?? this.agent()
    try {
      const where = 'path' in this.address ? { socketPath: this.address.path } : this.address
      const { request } = this.encrypted ? https : http
      const sent = request({ ...where, path, method, headers, agent: own }).end(body)
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
      const stream = session.request({ ':path': path, ':method': method, ...headers }, { endStream: body === '' })
      if (body !== '') stream.end(body)
      return await answerOf(stream, options.pace)
    } finally {
      if (!options.session) session.close()
    }
  }

  /** Keeps its connections alive. */
  agent(): http.Agent {
    const options = { keepAlive: true, maxSockets: 1 }
    const agent = this.encrypted ? new https.Agent({ ...options, rejectUnauthorized: false }) : new http.Agent(options)
    this.#ends.push(() => agent.destroy())
    return agent
  }
}

/** The answer to a request over HTTP/2. Rejects with the stream's error code if it was not whole. */
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
    // In order, it may close before its last bytes have been read.
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
