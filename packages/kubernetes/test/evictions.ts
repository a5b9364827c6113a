import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Clock } from '@podrain/core'
import type { KubeConfigLike } from '../src/index.js'

interface Responder {
  readonly name: string
  startTime?: string
  heartbeatTime?: string
  completionTime?: string
  message?: string
}

export interface Eviction {
  readonly metadata: {
    readonly name: string
    readonly uid: string
    resourceVersion: string
    readonly labels: Record<string, string>
  }
  readonly spec: { readonly target: { readonly pod: { readonly name: string; readonly uid: string } } }
  readonly status: {
    conditions: { type: string; status: string; reason: string }[]
    targetResponders: { name: string; priority: number; state: string }[]
    responders: Responder[]
  }
}

/** The responder of Kubernetes itself, which is always the last. */
export const evictor = 'imperative-eviction.k8s.io/evictor'
/** Milliseconds without a heartbeat after which a responder's turn is over. */
const patience = 20 * 60_000

/**
 * An API server with one pod, and the evictionrequest-controller of KEP-4563: it passes the turn from one responder to the next,
 * accepts status only from the responder whose turn it is, and cancels Evictions.
 */
export class EvictionApi {
  readonly pod = { name: 'web-1', uid: 'uid-of-web-1' }
  readonly evictions = new Map<string, Eviction>()
  /** The status updates of Evictions, each with the server's time. */
  readonly said: (Responder & { readonly at: number; readonly type: string | undefined })[] = []
  /** The requests, as `METHOD path`. */
  readonly calls: { readonly call: string; readonly at: number }[] = []
  /** Responds in place of the server, and returns whether it did. */
  misbehave: (call: string, response: ServerResponse) => boolean = () => false
  readonly #clock: Clock
  readonly #watchers = new Set<ServerResponse>()
  readonly #server = createServer((request, response) => void this.#answer(request, response))
  #version = 100
  #count = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async start(): Promise<KubeConfigLike> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    const { port } = this.#server.address() as AddressInfo
    return {
      getCurrentCluster: () => ({ server: `http://127.0.0.1:${port}` }),
      getCurrentUser: () => ({}),
      async applyToHTTPSOptions() {},
    }
  }

  stop(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }

  get watching(): number {
    return this.#watchers.size
  }

  get now(): number {
    return Date.parse('2026-11-30T00:00:00Z') + this.#clock.now()
  }

  /** Requests the eviction of a pod. */
  request(responders: readonly string[], pod = this.pod): Eviction {
    const names = [...responders, evictor]
    const name = `pod-${++this.#count}-${pod.name}`
    const eviction: Eviction = {
      metadata: {
        name,
        uid: `uid-of-${name}`,
        resourceVersion: '',
        labels: Object.fromEntries(names.map((each) => [each, 'responder'])),
      },
      spec: { target: { pod } },
      status: {
        conditions: [{ type: 'Failed', status: 'False', reason: 'AwaitingEviction' }],
        targetResponders: names.map((each, n) => ({ name: each, priority: 10_000 - n, state: 'Inactive' })),
        responders: names.map((each) => ({ name: each })),
      },
    }
    this.evictions.set(name, eviction)
    this.#tell('ADDED', eviction)
    this.#next(eviction)
    return eviction
  }

  /** Cancels an eviction. */
  cancel(eviction: Eviction): void {
    for (const each of eviction.status.targetResponders) if (each.state === 'Active') each.state = 'Canceled'
    eviction.status.conditions = [{ type: 'Failed', status: 'True', reason: 'CanceledDueToNoRequesters' }]
    this.#tell('MODIFIED', eviction)
  }

  /** @param quietly Whether watches do not get the event. */
  remove(eviction: Eviction, quietly = false): void {
    this.evictions.delete(eviction.metadata.name)
    if (!quietly) this.#tell('DELETED', eviction)
  }

  /** Passes on the turns of responders without heartbeats. */
  lookAt(eviction: Eviction): void {
    const { targetResponders, responders } = eviction.status
    const active = targetResponders.find(({ state }) => state === 'Active')
    const own = responders.find(({ name }) => name === active?.name)
    const heard = Date.parse(own?.heartbeatTime ?? own?.startTime ?? '')
    if (!active || this.now - heard < patience) return
    active.state = 'Interrupted'
    this.#next(eviction)
  }

  endWatches(): void {
    for (const each of this.#watchers) each.destroy()
  }

  #next(eviction: Eviction): void {
    const { targetResponders, responders } = eviction.status
    const next = targetResponders.find(({ state }) => state === 'Inactive')
    const own = responders.find(({ name }) => name === next?.name)
    if (!next || !own) return
    next.state = 'Active'
    own.startTime = this.#time()
    this.#tell('MODIFIED', eviction)
  }

  #time(): string {
    return new Date(this.now).toISOString().replace(/\.\d+Z$/, 'Z')
  }

  #tell(type: string, eviction: Eviction): void {
    eviction.metadata.resourceVersion = String(++this.#version)
    for (const watcher of this.#watchers) watcher.write(`${JSON.stringify({ type, object: eviction })}\n`)
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = ''
    for await (const piece of request) body += piece
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://api')
    const call = `${request.method} ${pathname}${searchParams.get('watch') === 'true' ? ' watch' : ''}`
    this.calls.push({ call, at: this.now })
    response.setHeader('date', new Date(this.now).toUTCString())
    response.on('error', () => {})
    if (this.misbehave(call, response)) return
    if (pathname === '/api/v1/namespaces/default/pods') {
      const metadata = { ...this.pod, resourceVersion: '1' }
      response.write(`${JSON.stringify({ type: 'ADDED', object: { metadata } })}\n`)
      return
    }
    const [, name] =
      /^\/apis\/lifecycle\.k8s\.io\/v1alpha1\/namespaces\/default\/evictions(?:\/([^/]+))?/.exec(pathname) ?? []
    if (name !== undefined) return this.#one(name, request, response, body)
    response.flushHeaders()
    this.#watchers.add(response)
    response.on('close', () => this.#watchers.delete(response))
    const label = searchParams.get('labelSelector') ?? ''
    for (const object of this.evictions.values())
      if (searchParams.get('resourceVersion') === '0' && label in object.metadata.labels)
        response.write(`${JSON.stringify({ type: 'ADDED', object })}\n`)
  }

  #one(name: string, request: IncomingMessage, response: ServerResponse, body: string): void {
    const eviction = this.evictions.get(name)
    const refuse = (code: number, message: string): unknown =>
      response.writeHead(code).end(JSON.stringify({ kind: 'Status', code, message }))
    if (!eviction) return void refuse(404, `evictions.lifecycle.k8s.io "${name}" not found`)
    if (request.method !== 'PATCH') return void response.end(JSON.stringify(eviction))
    const { metadata, status } = JSON.parse(body) as Partial<Eviction>
    if (metadata?.uid !== eviction.metadata.uid) return void refuse(409, 'Precondition failed: UID')
    for (const change of status?.responders ?? []) {
      const own = eviction.status.responders.find((each) => each.name === change.name)
      const target = eviction.status.targetResponders.find((each) => each.name === change.name)
      if (!own || !target || target.state !== 'Active')
        return void refuse(422, 'only the active responder may be updated')
      this.said.push({ ...change, at: this.now, type: request.headers['content-type'] })
      Object.assign(own, change)
      this.#tell('MODIFIED', eviction)
      if (change.completionTime === undefined) continue
      target.state = 'Completed'
      this.#next(eviction)
    }
    response.end(JSON.stringify(eviction))
  }
}
