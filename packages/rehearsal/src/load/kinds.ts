import type { Kind } from './kind.js'
import { grpc } from './kinds/grpc.js'
import { http2 } from './kinds/http2.js'
import { keepAlive } from './kinds/keep-alive.js'
import { newConnection } from './kinds/new-connection.js'
import { post } from './kinds/post.js'
import { slowKeepAlive } from './kinds/slow-keep-alive.js'
import { slowReader } from './kinds/slow-reader.js'
import { sse } from './kinds/sse.js'
import { streaming } from './kinds/streaming.js'
import { webSocket } from './kinds/web-socket.js'

/** The kinds of clients of the load. */
export interface Kinds {
  /** Clients that send a request every 5–25 ms on one keep-alive connection. */
  readonly keepAlive: Kind<'get'>
  /** Clients that open a connection for each request, at the same pace. */
  readonly newConnection: Kind<'get'>
  /** Clients that send one request every 1–8 s on a keep-alive connection. */
  readonly slowKeepAlive: Kind<'get'>
  /** Clients that read the response of `requests.stream` to its end, one after the other. */
  readonly streaming: Kind<'stream'>
  /** Clients that upload a body to `requests.post`, in chunks over about 200 ms. */
  readonly post: Kind<'post'>
  /** Clients that read the response of `requests.download` at 5 MB/s. */
  readonly slowReader: Kind<'download'>
  /** Clients that keep a WebSocket to `requests.webSocket` open. Every 50–250 ms they send a message and wait for its echo. */
  readonly webSocket: Kind<'webSocket'>
  /** Clients that read the event stream `requests.sse`, and connect again when the server has ended it. */
  readonly sse: Kind<'sse'>
  /** Clients that send requests over one HTTP/2 session each, up to four at a time. */
  readonly http2: Kind<'http2'>
  /** Clients that make unary gRPC calls over one HTTP/2 session each, up to four at a time. */
  readonly grpc: Kind<'grpc'>
}

/** Every kind of client, in the order of tables and pages. */
export const kinds: Kinds = {
  keepAlive,
  newConnection,
  slowKeepAlive,
  streaming,
  post,
  slowReader,
  webSocket,
  sse,
  http2,
  grpc,
}

/** The name of a kind of client. */
export type ClientKind = keyof Kinds

/** The names of all kinds, in the order of {@link kinds}. */
export const clientKinds: readonly ClientKind[] = Object.keys(kinds) as ClientKind[]

/** How many clients of each kind send requests at once. Whole numbers, 0 to 5000. */
export type ClientCounts = { -readonly [kind in ClientKind]: number }

/** The fields of the option `requests` that name a path, in the order of {@link kinds}. */
export const pathNames: readonly PathName[] = [...new Set(clientKinds.map((kind) => kinds[kind].path))]

export type PathName = Kinds[ClientKind]['path']

/** A value for each kind. */
export function eachKind<Value>(of: (kind: ClientKind) => Value): Record<ClientKind, Value> {
  return Object.fromEntries(clientKinds.map((kind) => [kind, of(kind)])) as Record<ClientKind, Value>
}
