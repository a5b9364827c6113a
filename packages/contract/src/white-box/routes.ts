import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'
import { Readable } from 'node:stream'
import type { Reply, Route } from './subject.js'

/** The responses of the application by path. */
export const texts: Readonly<Record<string, string>> = {
  '/': 'hello',
  '/later': 'later',
  '/held': 'held',
  '/begun': 'first last',
}

/** The length of the big response, more than a socket buffer holds. */
export const big: number = 20 * 1024 * 1024
const body = Buffer.alloc(big, 'x')

/** An event that happens once, with a promise for it. */
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

/** The means by which tests control the handlers of the application. */
export interface Held {
  /** Opened by a waiting handler when a request has reached it. */
  readonly arrived: Gate
  /** Opened by a test, so that waiting handlers respond. */
  readonly release: Gate
  /** The number of requests by path. */
  readonly seen: Map<string, number>
  /** Notes that hooks of the application have written. */
  readonly notes: string[]
  /** Returns a signal that aborts when the drain begins; undefined if the drain has none. */
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
  // Changes `request.url`, as a router does that is mounted under a path.
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
  // Sends the head and the first part immediately, and the last part when it is released.
  raw('/begun', (response) => {
    response.writeHead(200, { 'content-type': 'text/plain' })
    response.write('first ')
    held.arrived.open()
    void held.release.opened.then(() => response.end('last'))
  })
  // Over HTTP/2: responds immediately, and pushes a stream that ends when it is released.
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
  // Server-sent events and a long poll that end when the drain begins.
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
