import http, { type ClientRequestArgs } from 'node:http'
import net, { type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import tls from 'node:tls'

/** A server of this machine, and whether it speaks TLS. */
export interface Destination {
  readonly host: string
  readonly port: number
  readonly tls?: boolean | undefined
}

/** How a connection is made. */
export interface ConnectOptions {
  /** What is offered to a server that speaks TLS (ALPN), the preferred first; nothing: whatever it speaks. @default ['http/1.1'] */
  readonly protocols?: readonly string[]
  /** @default false */
  readonly allowHalfOpen?: boolean
}

/** Connects. Nobody verifies the certificate: what answers is a process that was started here, mostly with one it signed itself. */
export function connectTo({ host, port, tls: secure = false }: Destination, options: ConnectOptions = {}): Socket {
  const { protocols = ['http/1.1'], allowHalfOpen = false } = options
  const place = { host, port, allowHalfOpen, noDelay: true }
  if (!secure) return net.connect(place)
  const offered = protocols.length === 0 ? {} : { ALPNProtocols: [...protocols] }
  return tls.connect({ ...place, ...offered, servername: 'localhost', rejectUnauthorized: false })
}

/** The event of a socket after which its server can be asked: TLS has a handshake first. */
export function readyEvent({ tls: secure = false }: Pick<Destination, 'tls'>): 'connect' | 'secureConnect' {
  return secure ? 'secureConnect' : 'connect'
}

/** Keeps one connection, and makes it as the request says, of which Node's own agent takes no notice. */
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
