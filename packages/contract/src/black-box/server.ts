import type { Terms } from '../stage.js'

/** A server that is a process of its own: what is known of it. */
export interface Server {
  /** Words in which `{port}` is replaced. */
  readonly command: readonly string[]
  /** The port that it listens on, if it can be told none. */
  readonly port?: number | undefined
  readonly paths: Paths
  readonly terms: Terms
  /** Milliseconds for which its preStop hook sleeps before the signal. */
  readonly sleep: number
  /** Milliseconds that it may take until it listens. */
  readonly startup: number
}

/** Where it has what sentences need. `{ms}` is replaced by milliseconds. */
export type Paths = Readonly<Partial<Record<PathName, string>>> & { readonly get: string }

/** The needs that a path meets, and the name of the path. */
export const pathsFor = {
  slow: 'slow',
  stream: 'stream',
  big: 'big',
  upload: 'upload',
  websocket: 'websocket',
  ready: 'ready',
  live: 'live',
  hook: 'prestop',
} as const

export type PathName = 'get' | (typeof pathsFor)[keyof typeof pathsFor]

/** A command that does not become a server, or a server that does not answer as it was said to. */
export class NoServer extends Error {}
