/** What a server must have for a sentence. Otherwise the sentence does not apply to the server. */
export type Need = keyof typeof needs

/** The reasons why a sentence does not apply, by need. */
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

/** The needs that a server in this process meets by serving the contract's own application. */
export const ownApplication: readonly Need[] = ['keepAlive', 'unknown', 'slow', 'stream', 'big', 'upload', 'inside']
