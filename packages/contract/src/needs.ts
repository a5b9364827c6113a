/** What a sentence needs the server to have. Where it is missing, the sentence makes no sense. */
export type Need = keyof typeof needs

/** The reason that a table gives for a sentence that makes no sense. */
export const needs = {
  http1: 'no HTTP/1',
  http2: 'no HTTP/2',
  tls: 'no TLS',
  keepAlive: 'keeps no connection',
  unknown: 'does not answer an unknown path with 404',
  plain: 'not plain HTTP/1',
  slow: 'no path that takes its time',
  stream: 'no path that streams',
  big: 'no path with a big answer',
  upload: 'no path that takes an upload',
  websocket: 'WebSockets are not part of it',
  ready: 'no readiness path',
  live: 'no liveness path',
  hook: 'no path for a preStop hook',
  inside: 'needs code of the server',
  inFlight: 'no public count of requests in flight',
  signal: 'no signal for handlers',
  endpoints: 'no control endpoints',
  handlers: 'does not learn when a handler ends',
} as const

/** What a server has that is in the same process, and serves the application of the contract. */
export const ownApplication: readonly Need[] = ['keepAlive', 'unknown', 'slow', 'stream', 'big', 'upload', 'inside']
