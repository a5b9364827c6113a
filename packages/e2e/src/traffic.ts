import type { ClientCounts, pathNames } from '@podrain/rehearsal'

/** The path that each kind of client requests. The apps have a route for each. */
export const requests: Readonly<Record<Exclude<(typeof pathNames)[number], 'http2' | 'grpc'>, string>> = {
  get: '/work',
  stream: '/stream',
  post: '/upload',
  download: '/download',
  webSocket: '/echo',
  sse: '/events',
}

/** The clients in every case. Many of them send rarely, to test the server's keep-alive timeout. */
export const clients: Readonly<ClientCounts> = {
  keepAlive: 8,
  newConnection: 4,
  slowKeepAlive: 30,
  streaming: 2,
  post: 2,
  slowReader: 2,
  webSocket: 4,
  sse: 2,
  http2: 0,
  grpc: 0,
}

/** The response header with the name of the pod. */
export const podHeader = 'x-pod'
