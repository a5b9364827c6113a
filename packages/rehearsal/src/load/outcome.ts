/**
 * How a request was lost: `refused` (no connection), `reset` (the connection ended before a status),
 * `truncated` (a status came, the body did not end), `status 503` and so on (a status that is no success),
 * `grpc-status 14` and so on (a status of a call that no handler gave), `closed 1006` and so on (a WebSocket's close code), `timeout` (the client's own limit), `error` (anything else; see the message).
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

/** What was answered, where a request was lost by its answer. */
export function answerOf({ cause, message }: Failure): string | undefined {
  if (cause.startsWith('status')) return cause.slice('status '.length)
  return cause.startsWith('grpc-status') ? `${cause} (${message})` : undefined
}

/** A lost request. */
export interface Loss extends Failure {
  /** The pod it was sent to; null when there was no endpoint. */
  readonly pod: string | null
  readonly method: string
  readonly path: string
  /** On the clock of the events. */
  readonly sentAt: number
  /** Whether it went over a connection that had served a request before. */
  readonly reused: boolean
}

/** What the Service says to a client when there is no pod to go to. */
export const noEndpoint: Failure = { cause: 'refused', message: 'the Service has no endpoint' }

/** Names how a request was lost that never got a status. */
export function causeOf(error: NodeJS.ErrnoException): LossCause {
  // On a network of its own, a pod that is gone is unreachable.
  if (error.code === 'ECONNREFUSED' || error.code === 'EHOSTUNREACH' || error.code === 'ENETUNREACH') return 'refused'
  if (error.code === 'ECONNRESET' || error.code === 'EPIPE') return 'reset'
  return error.code === 'ETIMEDOUT' ? 'timeout' : 'error'
}
