import { subscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import https from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { join } from 'node:path'
import { type Clock, Drain, type DrainOptions } from '@podrain/core'
import { onTestFinished } from 'vitest'
import { FakeClock, FakeProcess, Log, turns as turnsOfLoop } from '../../core/test/support.js'
import { type KubeConfigLike, type KubernetesOptions, kubernetes } from '../src/index.js'

export { FakeClock, FakeProcess, Log }

const recordings = join(__dirname, 'recordings')

/** The open sockets of the clients in this process. */
const clients = new Set<Socket>()
/** The API servers' ends of them, by the server's port and the client's. */
const accepted = new Map<string, Socket>()
/** The ports of the API servers. */
const ports = new Set<number>()

subscribe('net.client.socket', (message) => {
  const { socket } = message as { socket: Socket }
  clients.add(socket)
  socket.on('close', () => clients.delete(socket))
})

/** Whether something is on its way between a client and an API server. */
function isUnderWay(client: Socket): boolean {
  if (client.connecting) return true
  if (!ports.has(client.remotePort ?? 0)) return false
  const server = accepted.get(`${client.remotePort} ${client.localPort}`)
  return !server || server.bytesRead !== client.bytesWritten || client.bytesRead !== server.bytesWritten
}

/** The bytes that have arrived on open connections. */
function arrived(): number {
  return [...clients, ...accepted.values()].reduce((sum, { bytesRead }) => sum + bytesRead, 0)
}

/** Waits for several turns of the event loop, and until everything that was sent has arrived, which takes long on a busy machine. */
export async function turns(count?: number): Promise<void> {
  let before: number
  do {
    before = arrived()
    await turnsOfLoop(count)
  } while ([...clients].some(isUnderWay) || arrived() !== before)
}

/** The deleted pod of the recordings, and its Service. */
export const recorded = { pod: 'web-77cc4c8ffd-lrhwk', namespace: 'default' } as const
/** When the recordings began, by the server's clock, and when the pod was deleted. */
export const begun = Date.parse('2026-11-21T00:47:26Z')
export const deletedAt = 2020

export interface Recorded {
  readonly status: number
  readonly headers: Record<string, string>
  readonly body: string
}

export function recording(name: string): Recorded {
  const { status, headers, body } = JSON.parse(readFileSync(join(recordings, `${name}.json`), 'utf8'))
  return { status, headers, body: typeof body === 'string' ? body : `${JSON.stringify(body)}\n` }
}

/** The lines of a watch, each with its time. */
export function stream(name: string): { ms: number; line: string }[] {
  const [, ...lines] = readFileSync(join(recordings, `${name}.jsonl`), 'utf8')
    .trimEnd()
    .split('\n')
  return lines.map((line) => JSON.parse(line))
}

export type Kind = 'pods' | 'endpointslices'

/** A request to the API. */
export interface Call {
  readonly verb: 'list' | 'watch' | 'patch' | 'get'
  readonly kind: Kind | 'services'
  readonly query: URLSearchParams
  readonly authorization: string | undefined
  readonly type: string | undefined
  /** Whether the client accepts gzip. */
  readonly gzip: boolean
  readonly body: string
}

/** Responds to a call in place of the recording, and returns whether it did. */
export type Misbehaviour = (call: Call, response: ServerResponse, request: IncomingMessage) => boolean

export type Lines = Record<Kind, { ms: number; line: string }[]>

/** The recorded events, except those after the exit of the pod's process, which have a grace period of 0. */
export const recordedLines = (): Lines => ({
  pods: stream('watch-pods').filter(({ line }) => !line.includes('"deletionGracePeriodSeconds":0')),
  endpointslices: stream('watch-endpointslices'),
})

export interface ApiServerOptions {
  tls?: https.ServerOptions
  /** The events in place of the recorded ones. */
  lines?: Lines
}

/**
 * An API server that lists the recorded objects, and sends each recorded line of a watch at its recorded time. A line goes to watches
 * from an earlier version, so that a watch that is opened again goes on at its last version.
 */
export class ApiServer {
  readonly calls: Call[] = []
  readonly sockets = new Set<Socket>()
  readonly server: http.Server | https.Server
  readonly clock: Clock
  /** The response for each Service. */
  service: object = { kind: 'Service', metadata: {}, spec: { internalTrafficPolicy: 'Cluster' } }
  /** Called before every response. */
  misbehave: Misbehaviour = () => false
  /** The events, each with its time. */
  readonly lines: Lines
  readonly #watchers = new Set<{ kind: Kind; from: number; write: (line: string) => void; end: () => void }>()
  readonly #begun: number
  #port = 0

  private constructor(clock: Clock, { tls, lines = recordedLines() }: ApiServerOptions) {
    this.clock = clock
    this.#begun = clock.now()
    this.lines = lines
    const handle = (request: IncomingMessage, response: ServerResponse): void => void this.#answer(request, response)
    this.server = tls ? https.createServer(tls, handle) : http.createServer(handle)
    this.server.keepAliveTimeout = 0
    this.server.on(tls ? 'secureConnection' : 'connection', (socket: Socket) => {
      this.sockets.add(socket)
      const ends = `${this.#port} ${socket.remotePort}`
      accepted.set(ends, socket)
      socket.on('close', () => {
        this.sockets.delete(socket)
        accepted.delete(ends)
      })
      socket.on('error', () => {})
    })
  }

  static async start(clock: Clock, options: ApiServerOptions = {}): Promise<ApiServer> {
    const api = new ApiServer(clock, options)
    api.server.listen(0, '127.0.0.1')
    await once(api.server, 'listening')
    api.#port = (api.server.address() as AddressInfo).port
    ports.add(api.#port)
    for (const kind of ['pods', 'endpointslices'] as const) {
      for (const { ms } of api.lines[kind]) clock.after(ms, () => api.#send(kind, ms))
    }
    return api
  }

  stop(): void {
    ports.delete(this.#port)
    this.server.closeAllConnections()
    this.server.close()
  }

  get port(): number {
    return this.#port
  }

  get kubeConfig(): KubeConfigLike {
    return configFor(this.#port)
  }

  /** Milliseconds since the recording began. */
  get elapsed(): number {
    return this.clock.now() - this.#begun
  }

  /** The server's time, as in its `Date` headers. */
  get date(): string {
    return new Date(begun + this.elapsed).toUTCString()
  }

  get watching(): number {
    return this.#watchers.size
  }

  /** Sends a line to all watches. */
  tell(kind: Kind, line: string): void {
    for (const watcher of this.#watchers) if (watcher.kind === kind) watcher.write(`${line}\n`)
  }

  /** Ends the watches, as an API server does at their timeouts. */
  endWatches(): void {
    for (const watcher of [...this.#watchers]) watcher.end()
  }

  called(verb: Call['verb'], kind: Call['kind']): Call[] {
    return this.calls.filter((call) => call.verb === verb && call.kind === kind)
  }

  /** The list at the present time. */
  list(kind: Kind): string {
    const { body } = recording(kind === 'pods' ? 'list-pods' : 'list-endpointslices')
    const list = JSON.parse(body)
    const passed = this.lines[kind].filter(({ ms }) => ms <= this.elapsed)
    for (const { line } of passed) {
      const { type, object } = JSON.parse(line)
      list.items = list.items.filter((item: typeof object) => item.metadata.name !== object.metadata.name)
      if (type !== 'DELETED') list.items.push(object)
      list.metadata.resourceVersion = object.metadata.resourceVersion
    }
    return `${JSON.stringify(list)}\n`
  }

  #send(kind: Kind, ms: number): void {
    for (const { ms: at, line } of this.lines[kind]) if (at === ms) this.tell(kind, line)
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', 'http://api')
    const [, kind] = /\/(pods|endpointslices|services)(?:\/|$)/.exec(url.pathname) as unknown as [string, Call['kind']]
    let body = ''
    for await (const piece of request) body += piece
    const verb =
      request.method === 'PATCH'
        ? 'patch'
        : kind === 'services'
          ? 'get'
          : url.searchParams.get('watch') === 'true'
            ? 'watch'
            : 'list'
    const { authorization, 'content-type': type, 'accept-encoding': encoding } = request.headers
    const call: Call = { verb, kind, query: url.searchParams, authorization, type, gzip: encoding === 'gzip', body }
    this.calls.push(call)
    response.setHeader('date', this.date)
    response.setHeader('content-type', 'application/json')
    response.on('error', () => {})
    if (this.misbehave(call, response, request)) return
    if (verb === 'watch') this.watch(call, response)
    else if (verb === 'list') response.end(this.selected(call))
    else response.end(verb === 'get' ? JSON.stringify(this.service) : '{}')
  }

  /** The items of a list that match the selectors. */
  selected({ kind, query }: Call): string {
    if (kind === 'services') throw new Error('Services are not listed')
    const list = JSON.parse(this.list(kind))
    const [, name] = /^metadata\.name=(.*)$/.exec(query.get('fieldSelector') ?? '') ?? []
    const [, services] = /^kubernetes\.io\/service-name in \((.*)\)$/.exec(query.get('labelSelector') ?? '') ?? []
    list.items = list.items.filter(
      ({ metadata }: { metadata: { name: string; labels?: Record<string, string> } }) =>
        (name === undefined || metadata.name === name) &&
        (services === undefined || services.split(',').includes(metadata.labels?.['kubernetes.io/service-name'] ?? '')),
    )
    return `${JSON.stringify(list)}\n`
  }

  /**
   * Opens a watch. Events since the requested version are sent at once. A watch from version 0 begins with the existing objects, as
   * ADDED events.
   */
  watch(call: Call, response: ServerResponse): void {
    const { kind, query } = call
    if (kind === 'services') throw new Error('Services are not watched')
    response.flushHeaders()
    const from = Number(query.get('resourceVersion'))
    if (from === 0) {
      const { items } = JSON.parse(this.selected(call))
      for (const object of items) response.write(`${JSON.stringify({ type: 'ADDED', object })}\n`)
    }
    const [, name] = /^metadata\.name=(.*)$/.exec(query.get('fieldSelector') ?? '') ?? []
    const watcher = {
      kind,
      from,
      write: (line: string) => {
        if (name !== undefined && line.startsWith('{"type"') && !line.includes(`"name":"${name}"`)) return
        response.write(line)
      },
      end: () => response.end(),
    }
    for (const { ms, line } of this.lines[kind]) {
      if (from > 0 && ms <= this.elapsed && Number(JSON.parse(line).object.metadata.resourceVersion) > from)
        watcher.write(`${line}\n`)
    }
    this.#watchers.add(watcher)
    response.on('close', () => this.#watchers.delete(watcher))
  }
}

/** A kubeConfig for a server without TLS. */
export function configFor(port: number): KubeConfigLike {
  return {
    getCurrentCluster: () => ({ server: `http://127.0.0.1:${port}` }),
    getCurrentUser: () => ({}),
    async applyToHTTPSOptions() {},
  }
}

export interface Cluster {
  readonly api: ApiServer
  readonly clock: FakeClock
  readonly process: FakeProcess
  readonly drain: Drain
  readonly log: Log
  readonly stop: () => void
  /** Lets time pass in steps. After each step, what was sent on sockets arrives. */
  pass(ms: number): Promise<void>
  /** Lets time pass until the condition is true, because data on sockets takes real time. */
  until(so: () => boolean): Promise<void>
}

/** A pod with a fake clock, which watches a cluster with the recorded events. */
export async function cluster(
  options: KubernetesOptions = {},
  drainOptions: DrainOptions = {},
  { lines, misbehave }: { lines?: Lines; misbehave?: Misbehaviour } = {},
): Promise<Cluster> {
  const clock = new FakeClock()
  const api = await ApiServer.start(clock, lines ? { lines } : {})
  if (misbehave) api.misbehave = misbehave
  const process = new FakeProcess()
  const log = new Log()
  const drain = new Drain({ clock, process, logger: log, keepAliveCap: 0, platform: 'kubernetes', ...drainOptions })
  const { stop } = kubernetes(drain, { ...recorded, kubeConfig: api.kubeConfig, ...options })
  onTestFinished(async () => {
    stop()
    await drain.dispose()
    api.stop()
  })
  const until = async (so: () => boolean): Promise<void> => {
    while (!so()) {
      await pass(clock, 100)
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }
  return { api, clock, process, drain, log, stop, pass: (ms) => pass(clock, ms), until }
}

/** Lets time pass in steps. After each step, what was sent on sockets arrives. */
export async function pass(clock: FakeClock, ms: number, step = 100, turnsEach = 20): Promise<void> {
  for (let left = ms; left > 0; left -= step) {
    clock.advance(Math.min(step, left))
    await turns(turnsEach)
  }
}
