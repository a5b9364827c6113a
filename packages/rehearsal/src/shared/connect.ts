import http, { type ClientRequestArgs } from 'node:http'
import net, { type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import tls from 'node:tls'

/** A server of this machine, and whether it uses TLS. */
export interface Destination {
  readonly host: string
  readonly port: number
  readonly tls?: boolean | undefined
}

/** How a connection is opened. */
export interface ConnectOptions {
  /** The protocols that are offered to a TLS server by ALPN, the preferred one first; empty: no ALPN. @default ['http/1.1'] */
  readonly protocols?: readonly string[]
  /** @default false */
  readonly allowHalfOpen?: boolean
}

/** Connects. The certificate is not verified: the server is a process of this rehearsal, mostly with a self-signed certificate. */
export function connectTo({ host, port, tls: secure = false }: Destination, options: ConnectOptions = {}): Socket {
  const { protocols = ['http/1.1'], allowHalfOpen = false } = options
  const place = { host, port, allowHalfOpen, noDelay: true }
  if (!secure) return net.connect(place)
  const offered = protocols.length === 0 ? {} : { ALPNProtocols: [...protocols] }
  return tls.connect({ ...place, ...offered, servername: 'localhost', rejectUnauthorized: false })
}

/** The event of a socket after which a request can be sent. With TLS it comes after the handshake. */
export function readyEvent({ tls: secure = false }: Pick<Destination, 'tls'>): 'connect' | 'secureConnect' {
  return secure ? 'secureConnect' : 'connect'
}

/** Keeps one connection, and opens it by the request's own `createConnection`, which Node's agent ignores. */
export class OneConnectionAgent extends http.Agent {
  constructor() {
    super({ keepAlive: true, maxSockets: 1 })
  }

  override createConnection(
    options: ClientRequestArgs,
    done: (error: Error | null, socket: Duplex) => void = () => {},
  ): Duplex | null | undefined {
    return options.createConnection?.(options, done)
  }
}
