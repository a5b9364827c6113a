/** What a behaviour needs the server, or its drain, to have. Where it is missing, the behaviour makes no sense. */
export type Need = keyof typeof needs

/** The reason that a table gives for a behaviour that makes no sense. */
export const needs = {
  http1: 'no HTTP/1',
  http2: 'no HTTP/2',
  tls: 'no TLS',
  plain: 'not plain HTTP/1',
  inFlight: 'no public count of requests in flight',
  signal: 'no signal for handlers',
  endpoints: 'no control endpoints',
  watch: 'takes no server',
  beforehand: 'has no drain before its server listens',
  handlers: 'does not learn when a handler ends',
  websocket: 'WebSockets are not part of it',
  fastify: 'about Fastify alone',
  middleware: 'about middleware alone',
} as const
