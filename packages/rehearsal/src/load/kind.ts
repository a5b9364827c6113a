import type { Client, ClientSpec } from './client.js'

/** A kind of client. A new one is a file in `kinds/` and a row in `kinds.ts`. */
export interface Kind<Path extends string = string> {
  /** The field of the option `requests` that names the path of its requests. `mix` replaces `get`. */
  readonly path: Path
  /** The help of the command line for that path. */
  readonly help: string
  /** The path if the command line's flag has no value. Without it, the flag needs a value. */
  readonly usual?: string
  /** How many clients of this kind there are, unless the option `clients` says otherwise. */
  readonly count: number
  readonly method: 'GET' | 'POST'
  /** Requests per second of one client if they are answered at once; 1 where a response takes long by design. */
  readonly perSecond: number
  /** The client's protocol. A kind with HTTP/2 cannot be used with the option `through`: its proxies speak HTTP/1.1 to pods. */
  readonly protocol: 'HTTP/1.1' | 'HTTP/2'
  /** Whether the option `rate` sets its pace. */
  readonly paced: boolean
  /** Whether its response times count in the latency. Streams and slow uploads take long by design, so theirs do not. */
  readonly timed: boolean
  create(spec: ClientSpec): Client
}
