import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../shared/clock.js'
import type { Random } from '../shared/random.js'
import type { Ask } from './ask.js'
import { type Endpoint, neighbourTimeout } from './endpoint.js'
import type { Failure, Loss } from './outcome.js'

/** Limits, in ms, after which a client gives a request up. */
export interface ClientTimeouts {
  /** For the connection to be accepted. @default 5000 */
  connect: number
  /** For the whole response, from the moment the connection is there. @default 30000 */
  total: number
}

/** What a client needs to know, and whom it tells. */
export interface ClientSpec {
  /** What it asks for, drawn by weight. */
  readonly asks: readonly Ask[]
  readonly timeouts: Readonly<ClientTimeouts>
  readonly random: Random
  readonly clock: Clock
  /** Requests a second; undefined for the kind's own pace. */
  readonly rate?: number | undefined
  /** Chooses the pod of a new connection. */
  readonly pick: () => Endpoint | undefined
  /** The header, in small letters, by which a pod says its name, where an endpoint is not one pod. */
  readonly podHeader?: string | undefined
  readonly onSent: () => void
  /** Called with the pod that answered, and how many ms the whole exchange took. */
  readonly onAnswered: (pod: string, ms: number) => void
  readonly onLost: (loss: Loss) => void
}

/** A client without retries, except where it knows that its request was not processed. */
export interface Client {
  /** Sends requests until `stop` is aborted, then waits for the open ones. Never rejects. */
  run(stop: AbortSignal): Promise<void>
  /** Sends one request and waits for its outcome, or, where that may take for ever, for `stop`. Never rejects. */
  request(stop: AbortSignal): Promise<void>
  /** Closes what connections it keeps. */
  close(): void
}

/** A random time is drawn between these, in ms. */
export type Range = readonly [shortest: number, longest: number]

/** Draws a time of a range. */
export function draw([shortest, longest]: Range, random: Random): number {
  return shortest + (longest - shortest) * random()
}

/** How many requests there are in a second with such pauses between them. */
export function perSecond([shortest, longest]: Range): number {
  return 2000 / (shortest + longest)
}

/** Sends one request after the other until `stop` is aborted, with a pause of so many ms before each. */
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
 * Plays what a client meets at the address of a pod that is gone. On loopback the kernel would refuse the connection, and
 * the client would be back in a moment to lose another request; in a cluster it waits.
 */
export async function unreachable({ connect }: Readonly<ClientTimeouts>): Promise<Failure> {
  await sleep(Math.min(connect, neighbourTimeout))
  if (connect < neighbourTimeout) return { cause: 'timeout', message: `not connected within ${connect} ms` }
  return { cause: 'refused', message: 'the address is unreachable: the pod is gone' }
}
