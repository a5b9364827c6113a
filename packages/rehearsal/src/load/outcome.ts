/**
 * How a request was lost:
 *
 * - `refused`: there was no connection
 * - `reset`: the connection ended before a status arrived
 * - `truncated`: a status arrived, but the body is incomplete
 * - `timeout`: the client's own limit passed
 * - `status 503` and so on: an HTTP status that is no success
 * - `grpc-status 14` and so on: a gRPC status that the library gave, not the app's handler
 * - `closed 1006` and so on: a WebSocket's close code
 * - `error`: anything else, as the message says
 */
export type LossCause =
  | 'refused'
  | 'reset'
  | 'truncated'
  | 'timeout'
  | 'error'
  | `status ${number}`
  | `grpc-status ${number}`
  | `closed ${number}`

/** Why a request did not succeed. */
export interface Failure {
  readonly cause: LossCause
  readonly message: string
}

/** The status that a request was lost by; undefined if it was lost without one. */
export function answerOf({ cause, message }: Failure): string | undefined {
  if (cause.startsWith('status')) return cause.slice('status '.length)
  return cause.startsWith('grpc-status') ? `${cause} (${message})` : undefined
}

/** A lost request. */
export interface Loss extends Failure {
  /** The pod that the request was sent to; null when there was no endpoint. */
  readonly pod: string | null
  readonly method: string
  readonly path: string
  /** When the request was sent, in ms on the clock of the events. */
  readonly sentAt: number
  /** Whether its connection had served a request before. */
  readonly reused: boolean
}

/** The Service has no pod, so the connection is refused. */
export const noEndpoint: Failure = { cause: 'refused', message: 'the Service has no endpoint' }

/** The cause of a loss without a status. */
export function causeOf(error: NodeJS.ErrnoException): LossCause {
  // With `netns`, the address of a pod that is gone is unreachable.
  if (error.code === 'ECONNREFUSED' || error.code === 'EHOSTUNREACH' || error.code === 'ENETUNREACH') return 'refused'
  if (error.code === 'ECONNRESET' || error.code === 'EPIPE') return 'reset'
  return error.code === 'ETIMEDOUT' ? 'timeout' : 'error'
}
