import { setTimeout as sleep } from 'node:timers/promises'
import type { Ask } from './asks.js'
import type { ClientKind } from './client-kinds.js'
import type { Clock } from './events.js'
import type { Failure } from './exchange.js'
import type { ClientTimeouts } from './options.js'
import type { Random } from './random.js'
import type { Endpoint } from './service.js'

/** What a client needs to know, and whom it tells. */
export interface ClientSpec {
  readonly kind: ClientKind
  /** What it asks for, drawn by weight. */
  readonly asks: readonly Ask[]
  readonly timeouts: Readonly<ClientTimeouts>
  readonly random: Random
  readonly clock: Clock
  /** Requests a second; undefined for the kind's own pace. */
  readonly rate?: number | undefined
  /** Chooses the pod of a new connection. */
  readonly pick: () => Endpoint | undefined
  readonly onSent: () => void
  /** Called with the pod that answered, and how many ms the whole exchange took. */
  readonly onAnswered: (pod: string, ms: number) => void
  readonly onLost: (loss: Loss) => void
}

/** A lost request. */
export interface Loss extends Failure {
  readonly pod: string | null
  readonly method: string
  readonly path: string
  /** On the clock of the events. */
  readonly sentAt: number
  /** Whether it went over a connection that had served a request before. */
  readonly reused: boolean
}

/** A client without retries, except where it knows that its request was not processed. */
export interface Client {
  /** Sends requests until `stop` is aborted, then waits for the open ones. Never rejects. */
  run(stop: AbortSignal): Promise<void>
}

/** A random time is drawn between these, in ms. */
export type Range = readonly [shortest: number, longest: number]

/** What the Service says to a client when there is no pod to go to. */
export const noEndpoint: Failure = { cause: 'refused', message: 'the Service has no endpoint' }

/** How long a kernel asks for an address that nobody has any more: three times, a second each. */
const neighbourTimeout = 3000

/**
 * Plays what a client meets at the address of a pod that is gone. On loopback the kernel would refuse the connection, and
 * the client would be back in a moment to lose another request; in a cluster it waits.
 */
export async function unreachable({ connect }: Readonly<ClientTimeouts>): Promise<Failure> {
  await sleep(Math.min(connect, neighbourTimeout))
  if (connect < neighbourTimeout) return { cause: 'timeout', message: `not connected within ${connect} ms` }
  return { cause: 'refused', message: 'the address is unreachable: the pod is gone' }
}
