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
   * Resolves when the `onDrain` hooks have finished. It is called late, because these hooks may not have begun when the closing
   * begins: a listener of 'state' may close the drain first.
   */
  readonly announced: () => Promise<unknown>
  /** Whether another process of the pod outlives this one, and waits for the bytes that the kernel holds. */
  readonly outlived: boolean
  /** Resolves when this process has received the connections that another process accepted for it. */
  readonly handOver: () => Promise<void>
  /** Called when a step has failed. */
  readonly onFailure: (step: string, error: unknown) => void
  /** Called with a log line about something that the report does not contain. */
  readonly onRemark: (message: string) => void
}

/** Runs a step. If the step fails, the failure is reported, and the closing goes on. */
type Attempt = (step: string, act: () => unknown) => Promise<void>

/** The part of the report that the closing fills in. */
export type Closed = Pick<DrainReport, 'cut' | 'unfinishedTasks' | 'hooks' | 'undeliveredBytes' | 'unknownConnections'>

/** The same part of the report before the closing has begun. */
export function nothingClosed(): Closed {
  return { cut: [], unfinishedTasks: [], hooks: [], undeliveredBytes: 0, unknownConnections: 0 }
}

/**
 * Closes the servers, the connections and the application's resources. Requests get all the time that is left, except the time that
 * later steps may need. If a step fails, the failure is reported, and the next step runs.
 *
 * @param closed Filled in step by step, so that the report has the results of earlier steps if the time runs out.
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
  // The last step before the report leaves `lastShare`. If `onClose` hooks follow, half of the time is left for them.
  const rest = (): number => (onClose.claim > 0 ? budget.left / 2 : budget.left * (1 - lastShare))

  const { unknown } = traffic.servers.earlier
  if (unknown > 0) onRemark(`closing with ${unknownConnections(unknown)}`)
  await attempt('to stop listening', () => stopListening(parts, forRequests))
  await attempt('to keep connections from the framework', () => traffic.servers.keepConnections())
  const connectionsClosed = closeConnections(parts, forRequests, attempt, closed)
  // The frameworks begin to close now, because their closing may end the last requests. A framework also waits for its
  // connections, and some connections do not end by themselves. So the framework's timeout counts from the moment when all
  // connections are closed.
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
  // As late as possible, because such a server accepts connections until the exit.
  await attempt('to count connections', async () => {
    closed.unknownConnections += await traffic.servers.unseen.connections()
  })
  if (outlived) return
  await attempt('to wait for what the kernel holds', async () => {
    closed.undeliveredBytes = await delivered(clock, traffic.servers.addresses, () => budget.left, onRemark)
  })
}

/**
 * Accepts all connections in the backlog, and then stops listening. When a server stops listening, the kernel resets the connections
 * in the backlog, and the primary of a cluster resets those that it has not handed out. In each turn of the event loop Node accepts
 * one connection per listening socket. The first turn may be the rest of the present turn, so the loop waits for two turns. If new
 * connections come without end, the loop ends after `acceptBacklog` connections, because the backlog has no more than that.
 * @param left Returns the milliseconds that are left.
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

/** Milliseconds from now until the requests that are still in flight are cut. */
function timeForRequests({ budget, frameworks, onClose }: Closing): number {
  const { left } = budget
  const claim = onClose.claim + frameworks.claim + Math.min(left * lastShare, farewellTime)
  return shareOf(left, claim, 1)
}

/** Returns a function that returns the milliseconds that are left of `ms`. */
function timer(clock: Clock, ms: number): () => number {
  const end = clock.now() + ms
  return () => end - clock.now()
}

/**
 * Ends every connection: an idle connection at once, a busy one when its requests have been answered. The connections that are left
 * at the end are cut.
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
    if (await isBusy()) return false // idle connections stay open for probes until then
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
      closed.cut = await traffic.destroy(begun)
    } finally {
      traffic.servers.closeAllConnections()
    }
  })
}
