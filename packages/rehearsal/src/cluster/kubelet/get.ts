import { once } from 'node:events'
import http from 'node:http'
import { connect } from 'node:http2'
import type { Socket } from 'node:net'
import { connectTo, OneConnectionAgent } from '../../shared/connect.js'
import { readBody } from './body.js'
import { ask } from './http2.js'

/** Keeps its socket open whatever the response's `Keep-Alive` header says, as Go's transport does. Only the app closes it. */
export class KubeletAgent extends OneConnectionAgent {
  override keepSocketAlive(): boolean {
    return true
  }
}

/** One GET. */
export interface Get {
  readonly url: URL
  /** Sent in this order. */
  readonly headers: Readonly<Record<string, string>>
  /** Keeps the connection open after the response. Undefined: the connection is closed. */
  readonly agent: KubeletAgent | undefined
  readonly signal?: AbortSignal | undefined
}

/** The response. The body is as much as a kubelet reads of it. */
export interface Answer {
  readonly status: number
  readonly location: string | undefined
  readonly body: string
}

/**
 * Sends one GET as a kubelet does. The certificate of an HTTPS server is not verified. A probe has no agent, and uses HTTP/2
 * where the server offers it (`SetTransportDefaults` in the source of the kubelet). A hook has another transport and always uses HTTP/1.1.
 * Rejects when the connection fails, or `signal` is aborted, before the status has arrived.
 */
export async function get(request: Get): Promise<Answer> {
  const { url, agent, signal } = request
  const tls = url.protocol === 'https:'
  const place = { host: url.hostname, port: Number(url.port || (tls ? 443 : 80)), tls }
  if (!tls) return await overHttp1(request, () => connectTo(place))
  const socket = connectTo(place, { protocols: agent === undefined ? ['h2', 'http/1.1'] : [] })
  try {
    await once(socket, 'secureConnect', { signal })
  } catch (error) {
    socket.destroy()
    throw error
  }
  if ('alpnProtocol' in socket && socket.alpnProtocol === 'h2') return await overHttp2(request, socket)
  return await overHttp1({ ...request, agent: agent && new KubeletAgent() }, () => socket)
}

function overHttp1({ url, headers, agent, signal }: Get, createConnection: () => Socket): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { hostname: host, port, pathname, search } = url
    const request = http.request({ host, port, path: pathname + search, agent, createConnection, headers, signal })
    // Go sends no Connection header. Node would send one also with `setDefaultHeaders: false`.
    if (agent !== undefined) request.removeHeader('Connection')
    request.once('error', reject)
    request.once('response', (response) => {
      const { statusCode: status = 0, headers } = response
      void readBody(response, Number(headers['content-length'] ?? 0)).then((body) =>
        resolve({ status, location: headers.location, body: String(body) }),
      )
    })
    request.end()
  })
}

async function overHttp2({ url, headers, signal }: Get, socket: Socket): Promise<Answer> {
  const session = connect(url.origin, { createConnection: () => socket })
  const { Host: authority = url.host, Connection: _, ...others } = headers
  try {
    const sent = { ...others, ':path': url.pathname + url.search, ':authority': authority }
    const { headers: received, body } = await ask(session, sent, { signal })
    return { status: Number(received[':status']), location: received.location, body: String(body) }
  } finally {
    session.close()
  }
}
