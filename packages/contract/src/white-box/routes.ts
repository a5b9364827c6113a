import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'
import { Readable } from 'node:stream'
import type { Reply, Route } from './subject.js'

/** What the application answers with. */
export const texts: Readonly<Record<string, string>> = {
  '/': 'hello',
  '/later': 'later',
  '/held': 'held',
  '/begun': 'first last',
}

/** As much as no socket buffer holds. */
export const big: number = 20 * 1024 * 1024
const body = Buffer.alloc(big, 'x')

/** Something that happens once, and can be waited for. */
export interface Gate {
  readonly opened: Promise<void>
  readonly open: () => void
}

export function gate(): Gate {
  let open = (): void => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open: () => open() }
}

/** What the behaviours hold in their hands of the application's handlers. */
export interface Held {
  /** A handler that waits has been reached. */
  readonly arrived: Gate
  /** It may go on. */
  readonly release: Gate
  /** How often each path has been asked for. */
  readonly seen: Map<string, number>
  /** What hooks of the application note. */
  readonly notes: string[]
  /** Aborts when the drain begins, where the drain has such a signal. */
  signal: (() => AbortSignal) | undefined
}

/** The application that every server under test serves. */
export function routesOf(held: Held): Route[] {
  const routes: Route[] = []
  const add = (method: Route['method'], path: string, takesOver: boolean, handle: Route['handle']): void => {
    routes.push({
      method,
      path,
      takesOver,
      handle: (request, response) => {
        held.seen.set(path, (held.seen.get(path) ?? 0) + 1)
        return handle(request, response)
      },
    })
  }
  const get = (path: string, handle: (request: IncomingMessage) => Reply | Promise<Reply>): void =>
    add('GET', path, false, handle)
  const raw = (path: string, handle: (response: ServerResponse, request: IncomingMessage) => void): void =>
    add('GET', path, true, (request, response) => {
      handle(response, request)
      return undefined
    })

  get('/', () => 'hello')
  get('/later', () => new Promise((resolve) => setImmediate(resolve, 'later')))
  get('/held', async () => {
    held.arrived.open()
    await held.release.opened
    return 'held'
  })
  // As a router does that is mounted under a path, and takes it off.
  get('/mounted/held', async (request) => {
    request.url = '/held'
    held.arrived.open()
    await held.release.opened
    return 'held'
  })
  get('/big', () => body)
  get('/piped', () => Readable.from(Array.from({ length: 20 }, () => body.subarray(0, big / 20))))
  get('/parts', () => Readable.from(['one', 'two', 'three']))
  get('/nothing', () => ({ status: 204 }))
  get('/same', () => ({ status: 304 }))
  get('/throws', () => {
    throw new Error('on purpose')
  })
  get('/rejects', () => new Promise((_, reject) => setImmediate(reject, new Error('on purpose'))))
  // The head and the first part at once, the last part when it is released.
  raw('/begun', (response) => {
    response.writeHead(200, { 'content-type': 'text/plain' })
    response.write('first ')
    held.arrived.open()
    void held.release.opened.then(() => response.end('last'))
  })
  // Over HTTP/2: answers at once, and pushes what ends when it is released.
  raw('/pushes', (response) => {
    const { stream } = response as unknown as Http2ServerResponse
    stream.pushStream({ ':path': '/pushed' }, (error, pushed) => {
      if (error) throw error
      pushed.respond()
      pushed.write('first ')
      held.arrived.open()
      void held.release.opened.then(() => pushed.end('last'))
    })
    response.end('page')
  })
  raw('/keep', (response) => {
    response.setHeader('connection', 'keep-alive')
    response.end('kept')
  })
  raw('/keep-head', (response) => void response.writeHead(200, { Connection: 'keep-alive' }).end('kept'))
  raw('/keep-list', (response) => {
    const headers = ['Set-Cookie', 'a=1', 'Connection', 'keep-alive', 'Set-Cookie', 'b=2']
    response.writeHead(200, headers).end('kept')
  })
  raw('/silent', () => held.arrived.open())
  raw('/late', (response) => {
    held.arrived.open()
    void held.release.opened.then(() => response.end('too late'))
  })
  raw('/endless', (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: first\n\n')
    held.arrived.open()
  })
  // Server-sent events, and a long poll, that know of the drain.
  raw('/events', (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: first\n\n')
    held.arrived.open()
    held.signal?.().addEventListener('abort', () => response.end('retry: 100\ndata: bye\n\n'))
  })
  raw('/poll', (response) => {
    held.arrived.open()
    held.signal?.().addEventListener('abort', () => {
      response.statusCode = 204
      response.end()
    })
  })
  raw('/destroys', (response) => void response.destroy())
  raw('/trailers', (response) => {
    response.setHeader('trailer', 'grpc-status')
    response.write('message')
    response.addTrailers({ 'grpc-status': '0' })
    held.arrived.open()
    void held.release.opened.then(() => response.end())
  })
  add('POST', '/upload', false, async (request) => {
    held.arrived.open()
    let length = 0
    for await (const chunk of request) length += (chunk as Buffer).length
    return `${length} bytes`
  })
  add('POST', '/deaf', true, (request) => {
    request.resume().on('end', () => held.arrived.open())
    request.on('error', () => {})
    return undefined
  })
  return routes
}
