import type { RequestHeaders } from '../requests.js'
import type { Terms } from '../stage.js'

/** A server in its own process. */
export interface Server {
  /** The command and its arguments. `{port}` is replaced. */
  readonly command: readonly string[]
  /** The fixed port of a server whose port cannot be set. @default a free port */
  readonly port?: number | undefined
  readonly paths: Paths
  /** The headers of every request. */
  readonly headers: RequestHeaders
  /** The signal that tells the server to end. */
  readonly signal: Signal
  readonly terms: Terms
  /** How long the preStop hook sleeps before the signal, in milliseconds. */
  readonly sleep: number
  /** How long the server may take until it listens, in milliseconds. */
  readonly startup: number
}

/** The signals that images and service managers send to end a server: nginx and PHP-FPM get SIGQUIT, Apache httpd SIGWINCH, HAProxy SIGUSR1. */
export const signals = ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH'] as const

export type Signal = (typeof signals)[number]

/** The paths of the server by name. `{ms}` in a path is replaced by milliseconds. */
export type Paths = Readonly<Partial<Record<PathName, string>>> & { readonly get: string }

/** The names of paths by the need that they meet. */
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

/** Thrown if a command does not become a server, or if the server does not respond on one of its paths. */
export class NoServer extends Error {}
