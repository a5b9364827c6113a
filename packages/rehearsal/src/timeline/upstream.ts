import type { Loss, LossCause } from '../load/outcome.js'

/** How far a request got that was lost behind a hop: the fate of the connection from the hop to a pod. */
export type UpstreamEnd =
  /** No pod was known. */
  | 'no endpoint'
  /** Nobody accepted the connection. */
  | 'refused'
  /** The pod was gone, and its address with it. */
  | 'unreachable'
  /** The connection ended before an answer began. */
  | 'unanswered'
  /** The connection ended after an answer had begun. */
  | 'cut'
  /** The hop, or the client before it, would not wait any longer. */
  | 'given up'
  /** The pod answered with a status that the hop passed on. */
  | 'answered'

/** What was seen between a hop and a pod of a request that was lost. Times are those of the events. */
export interface Upstream {
  readonly end: UpstreamEnd
  /** When the request went to the pod. */
  readonly sentAt: number
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

/** A lost request, and what was seen of it behind a hop. */
interface HopLoss extends Loss {
  readonly t: number
  readonly upstream?: Upstream
}

/** A loss as who spoke to the pod suffered it: the client, or the hop before the pods. */
export function suffered<Lost extends HopLoss>(loss: Lost): Lost {
  const { upstream, cause } = loss
  if (upstream === undefined) return loss
  const { end, sentAt, reused, endedAt: t } = upstream
  // The code of a WebSocket's end is the same on both sides of a hop.
  if (end === 'answered' || cause.startsWith('closed')) return { ...loss, sentAt, reused, t }
  const [own, message] = failures[end]
  return { ...loss, cause: own, message, sentAt, reused, t }
}
