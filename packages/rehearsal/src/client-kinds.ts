/** Kinds of client the load is made of; see {@link ClientCounts}. */
export type ClientKind =
  | 'keepAlive'
  | 'newConnection'
  | 'slowKeepAlive'
  | 'streaming'
  | 'post'
  | 'slowReader'
  | 'webSocket'
  | 'sse'
  | 'http2'

/** Every client kind, in the order tables and pages list them. */
export const clientKinds: readonly ClientKind[] = [
  'keepAlive',
  'newConnection',
  'slowKeepAlive',
  'streaming',
  'post',
  'slowReader',
  'webSocket',
  'sse',
  'http2',
]

/** How many clients of each kind send requests at once. Whole numbers, 0 to 500. */
export interface ClientCounts {
  /** Clients that send a request every 5–25 ms on one kept connection. @default 8 */
  keepAlive: number
  /** Clients that open a connection for each request, at the same pace. @default 4 */
  newConnection: number
  /** Clients that send one request every 1–8 s on a kept connection. @default 4 */
  slowKeepAlive: number
  /** Clients that read `requests.stream` to its end, again and again. @default 2 */
  streaming: number
  /** Clients that upload a body to `requests.post`, in chunks over about 200 ms. @default 2 */
  post: number
  /** Clients that read `requests.download` at 5 MB/s. @default 2 */
  slowReader: number
  /** Clients that keep a WebSocket open and send a message that `requests.webSocket` echoes every 50–250 ms. @default 4 */
  webSocket: number
  /** Clients that read the event stream `requests.sse`, and connect again when the server has ended it. @default 2 */
  sse: number
  /** Clients that send requests over one HTTP/2 session each (h2c, prior knowledge), up to four at a time. @default 4 */
  http2: number
}
