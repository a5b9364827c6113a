import { strict as assert } from 'node:assert'
import { once } from 'node:events'
import http, { type IncomingHttpHeaders } from 'node:http'
import http2, { type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2'
import https from 'node:https'
import net, { type AddressInfo, type Server, type Socket } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import type { Readable } from 'node:stream'
import tls from 'node:tls'
import type { FastifyInstance } from 'fastify'
import { generate } from 'selfsigned'
import { type Gate, gate, type Held, routesOf } from './routes.js'
import type { FastifyParts, Mount, Running, Subject, Terms } from './subject.js'
import { type Address, Wire } from './wire.js'

/** Short, so that a behaviour takes less than a second; a grace period that even a busy machine reaches only if it is held. */
export const quick: Terms = { grace: 10_000, settle: 200, keepAlive: 200 }

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

/** One server under test with one drain, and clients of it. Everything on it ends with the behaviour. */
export class Stage {
  readonly subject: Subject
  readonly terms: Terms
  readonly running: Running
  address: Address
  readonly #held: Held
  readonly #sockets: Set<Socket>
  readonly #clients: (() => void)[] = []
  readonly #http2: boolean
  #end: Promise<number> | undefined

  private constructor(
    subject: Subject,
    terms: Terms,
    running: Running,
    address: Address,
    held: Held,
    sockets: Set<Socket>,
    http2: boolean,
  ) {
    this.subject = subject
    this.terms = terms
    this.running = running
    this.address = address
    this.#held = held
    this.#sockets = sockets
    this.#http2 = http2
  }

  /**
   * Sets the server up, listening unless told otherwise.
   * @param http2 whether ordinary clients speak HTTP/2, if the server does
   */
  static async set(subject: Subject, { terms = {}, ...more }: StageOptions = {}, http2 = true): Promise<Stage> {
    const held: Held = { arrived: gate(), release: gate(), seen: new Map(), notes: [], signal: undefined }
    const all = { ...quick, ...terms }
    const running = await subject.start({
      routes: routesOf(held),
      terms: all,
      tls: await certificate(),
      webSocket: more.webSocket ?? false,
      mount: more.mount,
      fastify: more.fastify?.(held),
    })
    held.signal = running.signal
    const sockets = new Set<Socket>()
    running.server.on('connection', (socket: Socket) => {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
    })
    let address: Address = { host: '127.0.0.1', port: 0 }
    if (more.listening !== false) {
      address = await listen(running, more.unix ? { path: unixPath() } : { host: '127.0.0.1', port: 0 })
    }
    const stage = new Stage(subject, all, running, address, held, sockets, http2 && subject.has.includes('http2'))
    // No pod gets requests before it was probed.
    if (more.listening !== false && more.probed !== false && subject.has.includes('endpoints')) {
      assert.equal((await stage.ask('/readyz')).status, 200, 'the first readiness probe')
    }
    return stage
  }

  /** A handler that waits has been reached. */
  get arrived(): Promise<void> {
    return this.#held.arrived.opened
  }

  release(): void {
    this.#held.release.open()
  }

  /** The path has been asked for, so many times. */
  sent(path: string, times = 1): Promise<void> {
    return eventually(
      () => this.seen(path) >= times,
      () => `${path} was asked for ${this.seen(path)} times, not ${times}`,
    )
  }

  /** What the application noted. */
  get notes(): readonly string[] {
    return this.#held.notes
  }

  /** How often the path was handled. */
  seen(path: string): number {
    return this.#held.seen.get(path) ?? 0
  }

  /** The Fastify application. */
  get fastify(): FastifyInstance {
    const { fastify } = this.running
    assert(fastify, 'this is no Fastify')
    return fastify
  }

  get encrypted(): boolean {
    return this.subject.has.includes('tls')
  }

  get inFlight(): number {
    const count = this.running.inFlight
    assert(count, 'this drain does not count')
    return count()
  }

  /** Requests whose clients have everything, or nothing any more, end on the server too. */
  async noneInFlight(): Promise<void> {
    await eventually(
      () => this.inFlight === 0,
      () => `${this.inFlight} still in flight`,
    )
  }

  /**
   * The server is told to end, once. Resolves with its exit code when it has: then, as at an exit, whatever it still has
   * open is gone.
   */
  terminate(): Promise<number> {
    this.#end ??= this.running.terminate().then((code) => {
      this.exit()
      return code
    })
    return this.#end
  }

  /** It ends by itself, with nothing forced, well before its grace period is over. */
  async endsClean(): Promise<void> {
    const begun = performance.now()
    assert.equal(await this.terminate(), 0, 'the exit code')
    const took = performance.now() - begun
    assert(took < this.terms.grace * 0.7, `it took ${took.toFixed(0)} ms of ${this.terms.grace}`)
  }

  /** What the server has written on the connections that are open, whether it has left yet or not. */
  get bytesWritten(): number {
    return [...this.#sockets].reduce((sum, { bytesWritten }) => sum + bytesWritten, 0)
  }

  /** The server listens somewhere else by now. */
  moved(): void {
    this.address = addressOf(this.running.server)
  }

  /** All connections end as at an exit of the process. */
  exit(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  /** Something to end with the other clients. */
  client(end: () => void): void {
    this.#clients.push(end)
  }

  /** All clients hang up. */
  hangUp(): void {
    for (const end of this.#clients.splice(0)) end()
  }

  /** A client that writes what it likes. */
  async wire(): Promise<Wire> {
    const wire = await Wire.open(this.address, this.encrypted)
    this.#clients.push(() => wire.abort())
    return wire
  }

  /** A TCP connection, though the server may expect TLS. */
  async bareWire(): Promise<Wire> {
    const wire = await Wire.open(this.address)
    this.#clients.push(() => wire.abort())
    return wire
  }

  /** A connection that has had an answer, and is kept. */
  async idleWire(): Promise<Wire> {
    return (await this.wire()).get('/').until(/hello$/)
  }

  /** An HTTP/2 session, connected. */
  async session(): Promise<ClientHttp2Session> {
    const { address } = this
    const secured = { ...address, rejectUnauthorized: false, ALPNProtocols: ['h2'] }
    const session = http2.connect(this.origin, {
      createConnection: () => (this.encrypted ? tls.connect(secured) : net.connect(address)),
    })
    session.on('error', () => {})
    this.#clients.push(() => session.destroy())
    await once(session, 'connect')
    return session
  }

  get origin(): string {
    const port = 'port' in this.address ? this.address.port : 0
    return `${this.encrypted ? 'https' : 'http'}://127.0.0.1:${port}`
  }

  /** Sends a request as an ordinary client, and reads the whole answer. */
  ask(path: string, options: AskOptions = {}): Promise<Answer> {
    return this.#http2 || options.over === 2 ? this.#ask2(path, options) : this.#ask1(path, options)
  }

  /**
   * A request that its handler holds back.
   * @returns the way to let it be answered
   */
  async hold(headers: Record<string, string> = {}): Promise<() => Promise<Answer>> {
    const answer = this.ask('/held', { headers })
    answer.catch(() => {})
    await this.arrived
    return () => {
      this.release()
      return answer
    }
  }

  async #ask1(path: string, { agent, body = '', pace, method = 'GET', headers = {} }: AskOptions): Promise<Answer> {
    const own = agent ?? this.agent()
    try {
      const where = 'path' in this.address ? { socketPath: this.address.path } : this.address
      const { request } = this.encrypted ? https : http
      const sent = request({ ...where, path, method, headers, agent: own }).end(body)
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
    this.#clients.push(() => agent.destroy())
    return agent
  }

  /** Everything ends. */
  async strike(): Promise<void> {
    this.release()
    this.hangUp()
    this.exit()
    await this.running.dispose?.()
    if (this.running.server.listening) this.running.server.close()
    this.exit()
  }
}

export interface StageOptions {
  /** Listens on a unix socket. */
  readonly unix?: boolean
  readonly listening?: boolean
  /** Whether the kubelet has been there before, as in a pod. @default true */
  readonly probed?: boolean
  readonly webSocket?: boolean
  readonly mount?: Mount
  /** Of an application of its own for every run. */
  readonly fastify?: (held: Held) => FastifyParts
  readonly terms?: Partial<Terms>
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

/** Listens, and says where. */
export async function listen(
  { server, listen: own }: Running,
  where: { host: string; port: number } | { path: string },
): Promise<Address> {
  if (own) {
    await own(where)
  } else {
    server.listen(where)
    await once(server, 'listening')
  }
  return addressOf(server)
}

function addressOf(server: Server): Address {
  const address = server.address()
  return typeof address === 'string' ? { path: address } : { host: '127.0.0.1', port: (address as AddressInfo).port }
}

let sockets = 0

function unixPath(): string {
  return path.join(os.tmpdir(), `podrain-contract-${process.pid}-${sockets++}.sock`)
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

/** Waits until it is so. */
export async function eventually(isSo: () => boolean | Promise<boolean>, otherwise: () => string): Promise<void> {
  const end = performance.now() + 10_000
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(otherwise())
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

let made: Promise<{ key: string; cert: string }> | undefined

/** One self-signed certificate for 127.0.0.1, for the whole run. */
function certificate(): Promise<{ key: string; cert: string }> {
  made ??= generate([{ name: 'commonName', value: '127.0.0.1' }], { keyType: 'ec' } as never).then(
    ({ private: key, cert }) => ({ key, cert }),
  )
  return made
}

export type { Gate }
