import type { ClientCounts, pathNames } from '@podrain/rehearsal'

/** What the apps answer, for each kind of client. */
export const requests: Readonly<Record<Exclude<(typeof pathNames)[number], 'http2' | 'grpc'>, string>> = {
  get: '/work',
  stream: '/stream',
  post: '/upload',
  download: '/download',
  webSocket: '/echo',
  sse: '/events',
}

/** Who asks, in every case. Many that ask seldom are what a keep-alive timeout of a server is to be tried with. */
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

/** The header by which a pod says its name. */
export const podHeader = 'x-pod'
