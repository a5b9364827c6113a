import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { gzipSync } from 'node:zlib'
import type { Clock } from '@podrain/core'
import { type Kind, kinds, namespace } from './objects.js'
import { type Selection, selectionOf } from './selectors.js'
import { type EventType, fieldsIn, jsonOf, type Store, type Stored, type StoreEvent } from './store.js'
import type { Tally } from './tally.js'

/** The API server compresses a longer response if the client accepts gzip. It never compresses a watch. */
const compressedFrom = 128 * 1024
/** The gzip level of kube-apiserver (`defaultGzipContentEncodingLevel`). */
const level = 1
/** Milliseconds from one bookmark of a watch to the next, and from the last bookmark to the end of the watch. */
const [bookmarks, lastBookmark] = [60_000, 2000]
/** Seconds that a watch without `timeoutSeconds` lasts at least. At most it lasts twice as long. */
const shortestWatch = 1800

/** The wall-clock time at which virtual time begins. */
const epoch = Date.parse('2026-11-21T00:00:00Z')

/** How the API fails: it accepts requests and never responds, or responds to each request with a status. */
export type Trouble = 'hangs' | { readonly status: number; readonly retryAfter?: number }

interface Call {
  readonly verb: 'get' | 'list' | 'watch' | 'patch'
  readonly kind: Kind
  readonly name: string | undefined
  readonly query: URLSearchParams
}

interface Watcher {
  readonly kind: Kind
  readonly selection: Selection
  write(line: string | Buffer): void
  end(): void
}

/** An HTTP server that responds as kube-apiserver does from its watch cache. It counts requests and bytes. */
export class Api {
  readonly server: Server
  /** How the API fails; undefined while it works. */
  trouble: Trouble | undefined
  /** Characters of all responses that it has compressed. */
  compressed = 0
  readonly #clock: Clock
  readonly #store: Store
  readonly #tally: Tally
  /** The watchers of one object, by its name, and all other watchers under `undefined`. */
  readonly #watchers = new Map<string | undefined, Set<Watcher>>()
  /** The last request of a connection, as verb, kind and status. */
  readonly #uses = new WeakMap<object, string>()
  /** The last list that was written. Used again until an object changes. */
  #last: { readonly of: string; readonly text: string; gzip?: Buffer } | undefined

  constructor(clock: Clock, store: Store, tally: Tally) {
    this.#clock = clock
    this.#store = store
    this.#tally = tally
    this.server = createServer((request, response) => {
      response.on('error', () => {})
      void this.#answer(request, response)
    })
    store.onEvent((event) => this.#tell(event))
  }

  /** Counts bytes that the server has sent on a connection. */
  sent(connection: Duplex, bytes: number): void {
    this.#tally.sent(this.#uses.get(connection) ?? 'nothing', bytes)
  }

  /** The wall-clock time for a virtual time in milliseconds. */
  date(ms: number = this.#clock.now()): Date {
    return new Date(epoch + ms)
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const call = callOf(request)
    const answer = (status: number, body: string, headers: Record<string, string> = {}): void => {
      this.#answered(request, call, status)
      this.#write(request, response, status, body, headers)
    }
    const { trouble } = this
    if (trouble === 'hangs') {
      this.#answered(request, call, 0)
      return
    }
    if (trouble) {
      const { status, retryAfter } = trouble
      const headers: Record<string, string> = retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }
      return answer(status, failure(status), headers)
    }
    if (!call) return answer(404, failure(404))
    const { verb, kind, name } = call
    if (verb === 'watch') return this.#watch(request, response, call)
    if (verb === 'list') return answer(200, this.#list(call))
    if (verb === 'patch' && kind === 'pods' && name !== undefined) this.#patch(name, await jsonFrom(request))
    const stored = name === undefined ? undefined : this.#store.get(kind, name)
    if (!stored) return answer(404, failure(404))
    answer(200, `${jsonOf(stored)}\n`)
  }

  #answered(request: IncomingMessage, call: Call | undefined, status: number): void {
    const use = call ? `${call.verb} ${call.kind} ${status || 'unanswered'}` : `other ${status || 'unanswered'}`
    this.#uses.set(request.socket, use)
    this.#tally.answered(use)
  }

  #write(
    request: IncomingMessage,
    response: ServerResponse,
    status: number,
    body: string,
    headers: Record<string, string>,
  ): void {
    const takesGzip = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''))
    const compresses = request.method === 'GET' && takesGzip && body.length > compressedFrom
    response.writeHead(status, {
      ...this.#headers(),
      ...headers,
      ...(compresses ? { 'content-encoding': 'gzip', vary: 'Accept-Encoding' } : {}),
    })
    if (!compresses) return void response.end(body)
    this.compressed += body.length
    const known = this.#last?.text === body ? this.#last : undefined
    const gzip = known?.gzip ?? gzipSync(body, { level })
    if (known) known.gzip = gzip
    response.end(gzip)
  }

  #headers(): Record<string, string> {
    return {
      'audit-id': randomUUID(),
      'cache-control': 'no-cache, private',
      'content-type': 'application/json',
      date: this.date().toUTCString(),
    }
  }

  /**
   * A list in JSON. Lists from the watch cache and lists from etcd have the same objects here. With `resourceVersion=0` a list comes from
   * the watch cache, which ignores `limit`.
   */
  #list({ kind, query }: Call): string {
    const selection = selectionOf(query)
    const from = query.get('continue')
    const limit = query.get('resourceVersion') === '0' ? 0 : Number(query.get('limit') ?? 0)
    const { version } = this.#store
    const of = [version, kind, query.get('fieldSelector'), query.get('labelSelector'), from, limit].join('\n')
    if (this.#last?.of === of) return this.#last.text
    const all = this.#selected(kind, selection)
    const begin = from === null ? 0 : all.findIndex(({ name }) => name === from) + 1
    const page = all.slice(begin, limit > 0 ? begin + limit : undefined)
    const left = all.length - begin - page.length
    const metadata = {
      resourceVersion: String(version),
      ...(left > 0 ? { continue: page.at(-1)?.name, remainingItemCount: left } : {}),
    }
    const items = page.map((stored) => `{${fieldsIn(stored)}}`)
    const head = JSON.stringify({ kind: `${kinds[kind].kind}List`, apiVersion: kinds[kind].apiVersion, metadata })
    const text = `${head.slice(0, -1)},"items":[${items.join()}]}\n`
    this.#last = { of, text }
    return text
  }

  #selected(kind: Kind, { name, matches }: Selection): Stored[] {
    const among = name === undefined ? this.#store.all(kind) : [this.#store.get(kind, name)]
    return [...among].filter((stored) => stored !== undefined && matches(stored)) as Stored[]
  }

  #watch(request: IncomingMessage, response: ServerResponse, call: Call): void {
    const { kind, query } = call
    const selection = selectionOf(query)
    const version = query.get('resourceVersion') ?? ''
    const fromNow = version === '' || version === '0'
    const passed = fromNow ? [] : this.#store.since(kind, Number(version))
    this.#answered(request, call, passed ? 200 : 410)
    response.writeHead(200, this.#headers())
    response.flushHeaders()
    if (!passed) {
      const oldest = `too old resource version: ${version} (${this.#store.version})`
      return void response.end(`{"type":"ERROR","object":${failure(410, oldest)}}\n`)
    }
    const watcher: Watcher = {
      kind,
      selection,
      write: (line) => void response.write(line),
      end: () => void response.end(),
    }
    for (const { type, stored } of passed) if (selection.matches(stored)) watcher.write(lineOf(type, stored))
    if (fromNow) for (const stored of this.#selected(kind, selection)) watcher.write(lineOf('ADDED', stored))
    this.#follow(watcher, response, query)
  }

  /** Sends each event to the watcher from now on, until the client or the timeout ends the watch. */
  #follow(watcher: Watcher, response: ServerResponse, query: URLSearchParams): void {
    const { kind, selection } = watcher
    const watchers = this.#watchers.get(selection.name) ?? new Set()
    this.#watchers.set(selection.name, watchers.add(watcher))
    this.#tally.watch(kind, 1)
    const ms = 1000 * (Number(query.get('timeoutSeconds')) || shortestWatch * (1 + Math.random()))
    const end = this.#clock.now() + ms
    const cancels = [this.#clock.after(ms, () => watcher.end())]
    if (query.get('allowWatchBookmarks') === 'true') {
      const mark = (): void => {
        watcher.write(bookmarkOf(kind, this.#store.version))
        again()
      }
      const again = (): void => {
        const left = end - lastBookmark - this.#clock.now()
        if (left > 0) cancels[1] = this.#clock.after(Math.min(bookmarks, left), mark)
      }
      again()
    }
    response.once('close', () => {
      for (const cancel of cancels) cancel()
      watchers.delete(watcher)
      if (watchers.size === 0) this.#watchers.delete(selection.name)
      this.#tally.watch(kind, -1)
    })
  }

  #tell({ type, stored }: StoreEvent): void {
    let line: Buffer | undefined
    for (const name of [stored.name, undefined]) {
      for (const watcher of this.#watchers.get(name) ?? []) {
        if (watcher.kind !== stored.kind || !watcher.selection.matches(stored)) continue
        line ??= Buffer.from(lineOf(type, stored))
        watcher.write(line)
      }
    }
  }

  #patch(name: string, body: { metadata?: { annotations?: Record<string, string> } }): void {
    const stored = this.#store.get('pods', name)
    if (!stored) return
    const annotations = { ...stored.object.annotations, ...body.metadata?.annotations }
    this.#store.put('pods', name, { ...stored.object, annotations })
  }
}

function callOf(request: IncomingMessage): Call | undefined {
  const url = new URL(request.url ?? '', 'http://api')
  const [, kind, name] =
    new RegExp(`^/(?:api|apis/discovery\\.k8s\\.io)/v1/namespaces/${namespace}/([a-z]+)(?:/([^/]+))?$`).exec(
      url.pathname,
    ) ?? []
  if (kind === undefined || !(kind in kinds)) return undefined
  const query = url.searchParams
  const reads = name !== undefined ? 'get' : query.get('watch') === 'true' ? 'watch' : 'list'
  return { verb: request.method === 'PATCH' ? 'patch' : reads, kind: kind as Kind, name, query }
}

async function jsonFrom(request: IncomingMessage): Promise<object> {
  let text = ''
  for await (const piece of request) text += piece
  return JSON.parse(text)
}

function lineOf(type: EventType, stored: Stored): string {
  return `{"type":"${type}","object":${jsonOf(stored)}}\n`
}

function bookmarkOf(kind: Kind, version: number): string {
  const metadata = { resourceVersion: String(version), creationTimestamp: null }
  return `${JSON.stringify({ type: 'BOOKMARK', object: { ...kinds[kind], metadata } })}\n`
}

const reasons: Readonly<Record<number, readonly [reason: string, message: string]>> = {
  403: ['Forbidden', 'is forbidden: User "system:serviceaccount:shop:podrain" cannot do that'],
  404: ['NotFound', 'the server could not find the requested resource'],
  410: ['Expired', 'too old resource version'],
  429: ['TooManyRequests', 'The server has received too many requests and has asked us to try again later'],
  503: ['ServiceUnavailable', 'the server is currently unable to handle the request'],
}

/** A Status, in JSON. */
function failure(code: number, said?: string): string {
  const [reason, message] = reasons[code] ?? ['InternalError', 'an error']
  const status = {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: said ?? message,
    reason,
    code,
  }
  return JSON.stringify(status)
}
