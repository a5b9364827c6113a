import type { Client, ClientSpec } from './client.js'
import { HttpClient } from './http-client.js'
import { Http2Client } from './http2-client.js'
import { SseClient } from './sse-client.js'
import { WebSocketClient } from './web-socket-client.js'

/** Creates a client of the spec's kind. */
export function createClient(spec: ClientSpec): Client {
  if (spec.kind === 'webSocket') return new WebSocketClient(spec)
  if (spec.kind === 'sse') return new SseClient(spec)
  if (spec.kind === 'http2') return new Http2Client(spec)
  return new HttpClient(spec)
}
