import type { Loss, LossCause } from '../load/outcome.js'

/** How the proxy's request to a pod ended, for a request that was lost (`through`). */
export type UpstreamEnd =
  /** The Service had no pod. */
  | 'no endpoint'
  /** The pod did not accept the connection. */
  | 'refused'
  /** The pod was gone, and its address with it. */
  | 'unreachable'
  /** The connection ended before the response began. */
  | 'unanswered'
  /** The connection ended after the response had begun. */
  | 'cut'
  /** The proxy, or its client, stopped waiting. */
  | 'given up'
  /** The pod answered with a status that the proxy forwarded. */
  | 'answered'

/** What the relay saw of a lost request between the proxy and a pod. Times are ms since the rehearsal began. */
export interface Upstream {
  readonly end: UpstreamEnd
  /** When the request was sent to the pod. */
  readonly sentAt: number
  /** When the connection ended, or the response began. */
  readonly endedAt: number
  /** Whether the connection had served a request before. */
  readonly reused: boolean
}

const failures: Readonly<Record<Exclude<UpstreamEnd, 'answered'>, readonly [cause: LossCause, message: string]>> = {
  'no endpoint': ['refused', 'the Service has no endpoint'],
  refused: ['refused', 'nobody listens'],
  unreachable: ['refused', 'the address is unreachable: the pod is gone'],
  unanswered: ['reset', 'the connection ended before an answer began'],
  cut: ['truncated', 'the connection ended before the body did'],
  'given up': ['timeout', 'no answer came in time'],
}

/** A lost request, and what the relay saw of it. */
interface HopLoss extends Loss {
  readonly t: number
  readonly upstream?: Upstream
}

/** The loss as seen by the side that was connected to the pod: the client, or the proxy. */
export function suffered<Lost extends HopLoss>(loss: Lost): Lost {
  const { upstream, cause } = loss
  if (upstream === undefined) return loss
  const { end, sentAt, reused, endedAt: t } = upstream
  // A proxy forwards the close code of a WebSocket, so it is the same on both sides.
  if (end === 'answered' || cause.startsWith('closed')) return { ...loss, sentAt, reused, t }
  const [own, message] = failures[end]
  return { ...loss, cause: own, message, sentAt, reused, t }
}
