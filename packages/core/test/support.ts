import { fork } from 'node:child_process'
import { type EventEmitter, once } from 'node:events'
import { Agent, createServer, type IncomingHttpHeaders, type RequestListener, request, type Server } from 'node:http'
import { type AddressInfo, connect as connectSocket, type Server as NetServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { generate } from 'selfsigned'
import { onTestFinished, vi } from 'vitest'
import {
  type AdapterOptions,
  type Clock,
  Drain,
  type DrainOptions,
  drainServer,
  type ExitListener,
  type ExitSource,
  type Signal,
} from '../src/index.js'
import { platformVariables } from '../src/shared/platform.js'
import { RunningProcess } from './running-process.js'

/** Short times for a drain on the real clock. */
export const short = {
  terminationGracePeriodSeconds: 3,
  settle: { min: 200, quiet: 50 },
  closing: 500,
  reserve: 100,
  keepAliveCap: 200,
} satisfies AdapterOptions

/** Times for a drain on a fake clock. Idle connections are not kept. */
export const slow = {
  terminationGracePeriodSeconds: 30,
  settle: { min: 1000, quiet: 500 },
  closing: 5000,
  reserve: 1000,
  keepAliveCap: 0,
} satisfies AdapterOptions

/** The same times, but idle connections are kept for up to 2 s. */
export const keeping = { ...slow, keepAliveCap: 2000 } satisfies AdapterOptions

/** A fake clock. Data on sockets still takes real turns of the event loop. */
export class FakeClock implements Clock {
  #now = 1_000_000
  readonly #timers = new Set<{ at: number; fn: () => void }>()

  now(): number {
    return this.#now
  }

  after(ms: number, fn: () => void): () => void {
    const timer = { at: this.#now + Math.max(0, ms), fn }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** Lets `ms` milliseconds pass. Each timer in that time is called at its own time. */
  advance(ms: number): void {
    const end = this.#now + ms
    for (;;) {
      const [next] = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)
      if (!next) break
      this.#timers.delete(next)
      this.#now = Math.max(this.#now, next.at)
      next.fn()
    }
    this.#now = end
  }

  /** Simulates an event loop that is blocked for `ms` milliseconds: timers in that time are called late, at its end. */
  stall(ms: number): void {
    this.#now += ms
    this.advance(0)
  }

  /** Lets time pass, ten times as fast as the real one, until the promise is settled. */
  async through<T>(promise: Promise<T>): Promise<T> {
    let settled = false
    const end = (): void => {
      settled = true
    }
    promise.then(end, end)
    while (!settled) {
      this.advance(10)
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    return promise
  }
}

/** Sets the environment variables of a platform, or of none. `vi.unstubAllEnvs()` undoes it. */
export function runsIn(place: 'a cluster' | 'no cluster'): void {
  for (const name of platformVariables) vi.stubEnv(name, undefined)
  if (place === 'a cluster') vi.stubEnv('KUBERNETES_SERVICE_HOST', '10.96.0.1')
}

/** Waits for several turns of the event loop, in which nothing should happen. */
export async function turns(count = 20): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** Collects uncaught errors from now on, and keeps them from the test runner. */
export function uncaught(event: 'unhandledRejection' | 'uncaughtException'): unknown[] {
  const emitter: EventEmitter = process
  const errors: unknown[] = []
  const before = emitter.rawListeners(event) as (() => void)[]
  emitter.removeAllListeners(event)
  emitter.on(event, (error) => errors.push(error))
  onTestFinished(() => {
    emitter.removeAllListeners(event)
    for (const listener of before) emitter.on(event, listener)
  })
  return errors
}

/** A promise, and the function that resolves it. */
export interface Gate {
  readonly opened: Promise<void>
  open(): void
}

export function gate(): Gate {
  let open = (): void => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open: () => open() }
}

/** A logger that keeps its lines. */
export class Log {
  readonly lines: string[] = []
  info(message: string): void {
    this.lines.push(`info ${message}`)
  }
  warn(message: string): void {
    this.lines.push(`warn ${message}`)
  }
  error(message: string): void {
    this.lines.push(`error ${message}`)
  }
  matching(pattern: RegExp): string[] {
    return this.lines.filter((line) => pattern.test(line))
  }
}

/** An ExitSource without a process, for fake signals and fatal errors. */
export class FakeProcess implements ExitSource {
  readonly listeners = new Set<ExitListener>()

  register(listener: ExitListener): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Sends a signal. Resolves with whether the process would exit with 0. */
  async signal(signal: Signal): Promise<boolean> {
    const clean = await Promise.all([...this.listeners].map((listener) => listener.end({ signal })))
    return !clean.includes(false)
  }

  async crash(error: unknown): Promise<boolean> {
    const clean = await Promise.all([...this.listeners].map((listener) => listener.end({ error })))
    return !clean.includes(false)
  }

  /** A further error while the process is ending. */
  crashAgain(error: unknown): void {
    for (const listener of this.listeners) listener.again({ error })
  }
}

/** A drain with a fake clock and a fake process. */
export interface Bare {
  readonly drain: Drain
  readonly clock: FakeClock
  readonly process: FakeProcess
  readonly log: Log
}

/** A drain without a server. */
export function pod(options: DrainOptions = {}): Bare {
  const [clock, process, log] = [new FakeClock(), new FakeProcess(), new Log()]
  const drain = new Drain({ clock, process, logger: log, ...options })
  onTestFinished(() => drain.dispose())
  return { drain, clock, process, log }
}

export interface Pod {
  readonly server: Server
  readonly drain: Drain
  readonly port: number
  readonly log: Log
}

/** A plain HTTP server with a drain. The server listens. The drain does not listen to signals of the test process. */
export async function serve(handler: RequestListener, options: AdapterOptions = {}): Promise<Pod> {
  const log = new Log()
  const server = createServer(handler)
  const drain = drainServer(server, { signals: false, logger: log, ...short, ...options })
  const port = await listen(server)
  onTestFinished(() => drain.dispose())
  return { server, drain, port, log }
}

export async function listen(server: Server | NetServer): Promise<number> {
  onTestFinished(() => {
    if ('closeAllConnections' in server) server.closeAllConnections()
    server.close()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

export const sayOk: RequestListener = (_request, response) => void response.end('ok')

export interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
  json(): Record<string, unknown>
}

export interface AskOptions {
  method?: string
  headers?: Record<string, string>
  body?: string
}

/** One request on a new keep-alive connection. */
export async function ask(
  port: number,
  path = '/',
  { method = 'GET', headers = {}, body }: AskOptions = {},
): Promise<Reply> {
  const agent = new Agent({ keepAlive: true })
  try {
    const outgoing = request({ port, host: '127.0.0.1', path, method, headers, agent })
    outgoing.end(body)
    const [incoming] = await once(outgoing, 'response')
    incoming.setEncoding('utf8')
    let text = ''
    for await (const chunk of incoming) text += chunk
    return { status: incoming.statusCode, headers: incoming.headers, body: text, json: () => JSON.parse(text) }
  } finally {
    agent.destroy()
  }
}

let generated: Promise<{ key: string; cert: string }> | undefined

/** The key and the certificate of this machine, for servers with TLS. */
export function certificate(): Promise<{ key: string; cert: string }> {
  generated ??= generate([{ name: 'commonName', value: '127.0.0.1' }], { keyType: 'ec' } as never).then(
    ({ private: key, cert }) => ({ key, cert }),
  )
  return generated
}

/** A client that writes raw bytes on its socket. */
export class Client {
  readonly socket: Socket
  /** Everything that the client has received, headers included. */
  received = ''
  /** Whether the server ended or reset the connection, or this client did. */
  closed = false
  readonly #closing: Promise<unknown>

  private constructor(socket: Socket) {
    this.socket = socket
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      this.received += text
    })
    socket.on('error', () => {})
    this.#closing = new Promise((resolve) => {
      socket.on('close', () => {
        this.closed = true
        resolve(undefined)
      })
    })
    onTestFinished(() => void socket.destroy())
  }

  static async open(port: number, host = '127.0.0.1'): Promise<Client> {
    const socket = connectSocket(port, host)
    const client = new Client(socket)
    await once(socket, 'connect')
    return client
  }

  /** A client on a given stream. */
  static on(socket: Socket): Client {
    return new Client(socket)
  }

  send(text: string): this {
    this.socket.write(text, 'latin1')
    return this
  }

  get(path: string, ...headers: string[]): this {
    return this.send(`GET ${path} HTTP/1.1\r\nHost: pod\r\n${headers.map((header) => `${header}\r\n`).join('')}\r\n`)
  }

  /** Waits until this number of matches has been received. */
  async until(pattern: RegExp, times = 1): Promise<this> {
    const global = new RegExp(pattern.source, `${pattern.flags}g`)
    while ((this.received.match(global)?.length ?? 0) < times) {
      if (this.closed) throw new Error(`closed before ${times} × ${pattern}; received: ${this.received.slice(0, 2000)}`)
      await Promise.race([once(this.socket, 'data').catch(() => {}), this.#closing])
    }
    return this
  }

  async end(): Promise<void> {
    await this.#closing
  }

  abort(): void {
    this.socket.destroy()
  }
}

export type { Exit } from './running-process.js'

/** A child process that uses the built package. */
export class Child extends RunningProcess {
  /** @param command A command in front of `node`. */
  constructor(config: object, fixture = 'app.mjs', command: readonly string[] = []) {
    const { TERMINATION_GRACE_PERIOD_SECONDS: _, ...env } = process.env
    const [execPath, ...execArgv] = [...command, process.execPath]
    super(
      fork(join(__dirname, 'fixtures', fixture), [JSON.stringify(config)], {
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
        execPath,
        execArgv,
        env,
      }),
    )
    onTestFinished(() => void this.process.kill('SIGKILL'))
  }

  /** Starts the application of a fixture, and waits until it listens. */
  static async start(config: object = {}): Promise<Child> {
    const child = new Child(config)
    await child.listening()
    return child
  }
}
