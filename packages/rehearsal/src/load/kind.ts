import type { Client, ClientSpec } from './client.js'

/** A kind of client. A new one is a file in `kinds/` and a row in `kinds.ts`. */
export interface Kind<Path extends string = string> {
  /** The field of the option `requests` that says what it asks for; `mix` stands in for `get`. */
  readonly path: Path
  /** What the command line's help says of that path. */
  readonly help: string
  /** What is asked for where the command line's flag has no value; a kind without it needs one. */
  readonly usual?: string
  /** How many clients there are of it unless the option `clients` says otherwise. */
  readonly count: number
  readonly method: 'GET' | 'POST'
  /** How many requests one client sends in a second if they are answered at once; 1 where an answer takes its time. */
  readonly perSecond: number
  /** What it speaks; nothing that stands between clients and pods speaks HTTP/2 to pods. */
  readonly protocol: 'HTTP/1.1' | 'HTTP/2'
  /** Whether the option `rate` sets its pace. */
  readonly paced: boolean
  /** Whether the time an answer takes says something of the server: a stream and a slow upload take theirs by themselves. */
  readonly timed: boolean
  create(spec: ClientSpec): Client
}
