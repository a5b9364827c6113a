import type { Traffic } from '../http/traffic.js'
import { type Clock, turn, until, within } from '../shared/clock.js'
import type { DrainReport } from '../shared/report.js'
import { acceptBacklog, closingInterval, farewellTime, lastShare } from '../shared/timing.js'
import type { Budget } from './budget.js'
import { type Hooks, shareOf } from './hooks.js'
import { delivered } from './kernel-queues.js'
import { unknownConnections } from './sentences.js'
import type { Tasks } from './tasks.js'

export interface Closing {
  readonly clock: Clock
  readonly budget: Budget
  readonly traffic: Traffic
  readonly tasks: Tasks
  readonly frameworks: Hooks
  readonly onClose: Hooks
  /**
   * Resolves when the `onDrain` hooks have finished. They may not have begun: a listener of 'state' may close the drain
   * first.
   */
  readonly announced: () => Promise<unknown>
  /** Whether another process of the pod outlives this one, and waits for what the kernel holds. */
  readonly outlived: boolean
  /** Resolves when this process has received the connections that another process accepted for it. */
  readonly handOver: () => Promise<void>
  /** Called when a step has failed. */
  readonly onFailure: (step: string, error: unknown) => void
  /** Called with a line for the log about something that the report does not contain. */
  readonly onRemark: (message: string) => void
}

/** Runs a step and reports its failure. */
type Attempt = (step: string, act: () => unknown) => Promise<void>

/** The part of the report that the closing fills in. */
export type Closed = Pick<
  DrainReport,
  'forced' | 'unfinishedTasks' | 'hooks' | 'undeliveredBytes' | 'unknownConnections'
>

/** The part of the report before the closing has begun. */
export function nothingClosed(): Closed {
  return { forced: [], unfinishedTasks: [], hooks: [], undeliveredBytes: 0, unknownConnections: 0 }
}

/**
 * Takes a drained server to the exit. Requests get all the time that is left, except what later steps may need. A step
 * that fails is reported, and the next step runs all the same.
 *
 * @param closed Filled in step by step, so that it is of use if the time runs out first.
 */
export async function close(parts: Closing, closed: Closed): Promise<void> {
  const { clock, budget, traffic, frameworks, onClose, announced, outlived, onFailure, onRemark } = parts
  const attempt: Attempt = async (step, act) => {
    try {
      await act()
    } catch (error) {
      onFailure(step, error)
    }
  }
  const forRequests = timer(clock, timeForRequests(parts))
  // The last step before the report leaves `lastShare`; with `onClose` hooks to come, half of the time stays for those.
  const rest = (): number => (onClose.claim > 0 ? budget.left / 2 : budget.left * (1 - lastShare))

  const { unknown } = traffic.servers.earlier
  if (unknown > 0) onRemark(`closing with ${unknownConnections(unknown)}`)
  await attempt('to stop listening', () => stopListening(parts, forRequests))
  await attempt('to keep connections from the framework', () => traffic.servers.keepConnections())
  const connectionsClosed = closeConnections(parts, forRequests, attempt, closed)
  // The frameworks begin to close now, because that may be what ends the last requests. A framework also waits for its
  // connections, some of which never end by themselves. So its timeout counts from the moment when all connections have
  // been closed.
  const frameworksClosed = frameworks.runTogether(rest, { measured: connectionsClosed })
  await connectionsClosed
  // An onDrain hook may still use what an onClose hook closes.
  await attempt('to wait for hooks', () => Promise.all([frameworksClosed, within(clock, rest(), announced())]))
  closed.hooks.push(...frameworks.results)
  await attempt('to run the onClose hooks', async () => {
    const running = onClose.runNewestFirst(() => budget.left)
    closed.hooks.push(...onClose.results)
    await running
  })
  if (outlived) return
  await attempt('to wait for what the kernel holds', async () => {
    closed.undeliveredBytes = await delivered(clock, traffic.servers.addresses, () => budget.left, onRemark)
  })
}

/**
 * Stops accepting connections, after all that wait have been accepted. When a server stops listening, the kernel resets
 * the connections that still wait, and so does the primary of a cluster. In each turn of the event loop Node accepts
 * one connection per listener, and the first turn may be the rest of this one, hence two turns. If new connections
 * never stop, `acceptBacklog` ends the loop: the kernel queues no more than that.
 * @param left Milliseconds that are left for it.
 */
export async function stopListening(
  { clock, traffic, handOver }: Pick<Closing, 'clock' | 'traffic' | 'handOver'>,
  left: () => number,
): Promise<void> {
  const end = traffic.accepted + acceptBacklog
  let before: number
  do {
    before = traffic.accepted
    await within(clock, left(), handOver())
    await turn()
    await turn()
  } while (traffic.accepted > before && traffic.accepted < end && left() > 0)
  traffic.servers.unlisten()
  await turn() // the servers emit 'close' in this turn
}

/** Milliseconds from now until the requests then in flight are cut. */
function timeForRequests({ budget, frameworks, onClose }: Closing): number {
  const { left } = budget
  const claim = onClose.claim + frameworks.claim + Math.min(left * lastShare, farewellTime)
  return shareOf(left, claim, 1)
}

/** Returns a function that gives the milliseconds left of `ms`. */
function timer(clock: Clock, ms: number): () => number {
  const end = clock.now() + ms
  return () => end - clock.now()
}

/**
 * Ends every connection: an idle one at once, a busy one when its requests have been answered. What is left in the end
 * is cut.
 */
async function closeConnections(
  { clock, traffic, tasks }: Closing,
  left: () => number,
  attempt: Attempt,
  closed: Closed,
): Promise<void> {
  const begun = clock.now()
  let waitUntil: number | undefined
  const isBusy = async (): Promise<boolean> => {
    let { inFlight: busy } = traffic
    await attempt('to check connections', () => {
      busy = traffic.survey(clock.now()).busy
    })
    return busy > 0 || tasks.size > 0
  }
  const gone = async (): Promise<boolean> => {
    if (await isBusy()) return false // probes are answered on idle connections until then
    waitUntil ??= clock.now() + farewellTime
    await attempt('to close idle connections', async () => {
      if (await traffic.closeIdle(left)) waitUntil = clock.now() + farewellTime
    })
    // A request may have arrived in the meantime.
    return !traffic.connected || (clock.now() >= waitUntil && !(await isBusy()))
  }
  await attempt('to close connections', () => until(clock, () => closingInterval, left, gone))
  await attempt('to name unfinished tasks', () => {
    closed.unfinishedTasks = tasks.unfinished
  })
  closed.unknownConnections = traffic.servers.earlier.unknown
  await attempt('to cut connections', async () => {
    try {
      closed.forced = await traffic.destroy(begun)
    } finally {
      traffic.servers.closeAllConnections()
    }
  })
}
