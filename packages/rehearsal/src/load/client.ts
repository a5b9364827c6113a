import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../shared/clock.js'
import type { Random } from '../shared/random.js'
import type { Ask } from './ask.js'
import { type Endpoint, neighbourTimeout } from './endpoint.js'
import type { Failure, Loss } from './outcome.js'

/** Limits in ms after which a client gives a request up. */
export interface ClientTimeouts {
  /** For the connection to be accepted. @default 5000 */
  connect: number
  /** For the whole response, from when the connection is open. @default 30000 */
  total: number
}

/** What a client needs to know, and what it reports. */
export interface ClientSpec {
  /** Its requests, drawn by weight. */
  readonly asks: readonly Ask[]
  readonly timeouts: Readonly<ClientTimeouts>
  readonly random: Random
  readonly clock: Clock
  /** Requests per second; undefined: the kind's own pace. */
  readonly rate?: number | undefined
  /** Chooses the endpoint of a new connection; undefined: there is none. */
  readonly pick: () => Endpoint | undefined
  /** The response header (lower case) that names the pod, where an endpoint is more than one pod. */
  readonly podHeader?: string | undefined
  readonly onSent: () => void
  /** Called with the pod that answered, and how long the whole exchange took in ms. */
  readonly onAnswered: (pod: string, ms: number) => void
  readonly onLost: (loss: Loss) => void
}

/** A client. It retries a request only if it knows that the server has not processed it. */
export interface Client {
  /** Sends requests until `stop` is aborted, then waits for those in flight. Never rejects. */
  run(stop: AbortSignal): Promise<void>
  /** Sends one request and waits for its outcome. An endless stream ends when `stop` is aborted. Never rejects. */
  request(stop: AbortSignal): Promise<void>
  /** Closes the connections that the client keeps. */
  close(): void
}

/** A range of durations in ms. */
export type Range = readonly [shortest: number, longest: number]

/** Draws a duration from a range. */
export function draw([shortest, longest]: Range, random: Random): number {
  return shortest + (longest - shortest) * random()
}

/** Requests per second with such pauses between them. */
export function perSecond([shortest, longest]: Range): number {
  return 2000 / (shortest + longest)
}

/** Sends one request after the other until `stop` is aborted. `pause` returns the ms to wait before each. */
export async function askAgainAndAgain(
  stop: AbortSignal,
  pause: () => number,
  request: () => Promise<void>,
): Promise<void> {
  for (;;) {
    await sleep(pause(), undefined, { signal: stop }).catch(() => {})
    if (stop.aborted) return
    await request()
  }
}

/**
 * Plays a connection attempt to the address of a pod that is gone. In a cluster the client waits for an answer. On loopback the kernel
 * would refuse at once, and the client would lose its next request a moment later.
 */
export async function unreachable({ connect }: Readonly<ClientTimeouts>): Promise<Failure> {
  await sleep(Math.min(connect, neighbourTimeout))
  if (connect < neighbourTimeout) return { cause: 'timeout', message: `not connected within ${connect} ms` }
  return { cause: 'refused', message: 'the address is unreachable: the pod is gone' }
}
