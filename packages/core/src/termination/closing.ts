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
  /** Settles when the `onDrain` hooks have ended. They may not have begun: a listener of the state may end the drain. */
  readonly announced: () => Promise<unknown>
  /** Whether another process of the pod goes on, and will see to what the kernel holds. */
  readonly outlived: boolean
  /** Resolves when the connections have come that another process has accepted for this one. */
  readonly handOver: () => Promise<void>
  /** A step has failed. */
  readonly onFailure: (step: string, error: unknown) => void
  /** Something that the report has no word for. */
  readonly onRemark: (message: string) => void
}

/** Does a step, and says it if that fails. */
type Attempt = (step: string, act: () => unknown) => Promise<void>

/** What the closing adds to the report. */
export type Closed = Pick<
  DrainReport,
  'forced' | 'unfinishedTasks' | 'hooks' | 'undeliveredBytes' | 'unknownConnections'
>

/** What a closing that has not begun has to say. */
export function nothingClosed(): Closed {
  return { forced: [], unfinishedTasks: [], hooks: [], undeliveredBytes: 0, unknownConnections: 0 }
}

/**
 * The way from a drained server to the exit. Requests get all the time that is left, but for what those steps may need that
 * there are after them. A step that fails is said and keeps no other from its turn.
 *
 * @param closed is filled in on the way: whoever cannot wait for the end finds what is known by then.
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
  // Where no hook comes after it.
  const rest = (): number => (onClose.claim > 0 ? budget.left / 2 : budget.left * (1 - lastShare))

  const { unknown } = traffic.servers.earlier
  if (unknown > 0) onRemark(`closing with ${unknownConnections(unknown)}`)
  await attempt('to stop listening', () => stopListening(parts, forRequests))
  await attempt('to keep connections from the framework', () => traffic.servers.keepConnections())
  const parted = partWithClients(parts, forRequests, attempt, closed)
  // From now on, as what it does first may be what ends the last requests. It goes on to wait for its connections, and some
  // never end by themselves: so its time is measured from when all have ended.
  const frameworksClosed = frameworks.runTogether(rest, { measured: parted })
  await parted
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
 * Accepts no more connections. First all that there are, as the kernel resets what it still has to hand over when nobody
 * listens, and so does the primary of a cluster. Of each listener Node accepts one connection in a turn, and the first turn may
 * be what is left of this one. Where they never stop coming, those that were there have been accepted after so many as the
 * kernel keeps.
 * @param left Milliseconds that it may take.
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
  await turn() // in which the servers say 'close'
}

/** Milliseconds, of those that are left, until what is then in flight is cut. */
function timeForRequests({ budget, frameworks, onClose }: Closing): number {
  const { left } = budget
  const claim = onClose.claim + frameworks.claim + Math.min(left * lastShare, farewellTime)
  return shareOf(left, claim, 1)
}

/** Milliseconds until so many have passed. */
function timer(clock: Clock, ms: number): () => number {
  const end = clock.now() + ms
  return () => end - clock.now()
}

/** Ends every connection: those with a request once it is answered, the others at once. What is left at the limit is cut. */
async function partWithClients(
  { clock, traffic, tasks }: Closing,
  limit: () => number,
  attempt: Attempt,
  closed: Closed,
): Promise<void> {
  const begun = clock.now()
  let waitUntil: number | undefined
  const isBusy = async (): Promise<boolean> => {
    let { inFlight: busy } = traffic
    await attempt('to look at connections', () => {
      busy = traffic.survey(clock.now()).busy
    })
    return busy > 0 || tasks.size > 0
  }
  const gone = async (): Promise<boolean> => {
    if (await isBusy()) return false // until then probes are answered on connections of theirs
    waitUntil ??= clock.now() + farewellTime
    await attempt('to say good-bye to idle connections', async () => {
      if (await traffic.closeIdle(limit)) waitUntil = clock.now() + farewellTime
    })
    // A request may have come meanwhile.
    return !traffic.connected || (clock.now() >= waitUntil && !(await isBusy()))
  }
  await attempt('to part with clients', () => until(clock, () => closingInterval, limit, gone))
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
