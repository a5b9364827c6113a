import net from 'node:net'
import type { ConnectionOptions } from 'node:tls'

/** Returns the path on the server for a path of the contract's own application. */
export type Locate = (path: string) => string

/** Headers by name, in lower case. */
export type RequestHeaders = Readonly<Record<string, string>>

/** How requests are written for one server: where its paths are, and which headers every request carries. */
export class Requests {
  readonly locate: Locate
  readonly headers: RequestHeaders

  constructor(locate: Locate = (path) => path, headers: RequestHeaders = {}) {
    this.locate = locate
    this.headers = headers
  }

  /** The request line and the headers of an HTTP/1.1 request. The empty line, which ends a head, is left out. */
  head(method: string, path: string, ...more: readonly string[]): string {
    const headers = Object.entries({ host: '127.0.0.1', ...this.headers })
    const lines = [...headers.map(([name, value]) => `${name}: ${value}`), ...more]
    return [`${method} ${this.locate(path)} HTTP/1.1`, ...lines, ''].join('\r\n')
  }

  /** The headers of an HTTP/2 request, in which the host is the authority. */
  get http2Headers(): RequestHeaders {
    const { host, ...others } = this.headers
    return host === undefined ? others : { ...others, ':authority': host }
  }

  /** The options of a TLS connection: nobody verifies the certificate, and the server name is that of the host. */
  tls(protocol: 'http/1.1' | 'h2'): ConnectionOptions {
    const [servername = ''] = (this.headers.host ?? '').split(':')
    return { rejectUnauthorized: false, ALPNProtocols: [protocol], ...(!net.isIP(servername) && { servername }) }
  }
}
