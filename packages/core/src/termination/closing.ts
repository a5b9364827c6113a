import type { Traffic } from '../http/traffic.js'
import { type Clock, turn, until, within } from '../shared/clock.js'
import type { DrainLogger } from '../shared/log.js'
import type { DrainReport, OpenRequest } from '../shared/report.js'
import { closingInterval, farewellTime } from '../shared/timing.js'
import type { Budget } from './budget.js'
import type { Hooks } from './hooks.js'
import { delivered } from './kernel-queues.js'
import { unknownConnections } from './sentences.js'
import type { Tasks } from './tasks.js'

export interface Closing {
  readonly clock: Clock
  readonly logger: DrainLogger
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
}

/** What the closing adds to the report. */
export type Closed = Pick<
  DrainReport,
  'forced' | 'unfinishedTasks' | 'hooks' | 'undeliveredBytes' | 'unknownConnections'
>

/**
 * The way from a drained server to the exit. Each step gets what is left of the budget, and half of it where a later
 * step still needs some.
 */
export async function close(parts: Closing): Promise<Closed> {
  const { clock, logger, budget, traffic, tasks, frameworks, onClose, announced, outlived, handOver } = parts
  const begun = clock.now()
  const { addresses } = traffic.servers
  const half = (): (() => number) => {
    const end = clock.now() + budget.left / 2
    return () => end - clock.now()
  }
  await acceptAll(clock, traffic, handOver, half())
  const { earlier } = traffic.servers
  if (earlier.unknown > 0) logger.warn(`closing with ${unknownConnections(earlier.unknown)}`)
  traffic.servers.unlisten()
  await turn() // in which the servers say 'close'
  // Normally there is nothing to wait for. At the deadline, or after a signal that came too late, there is.
  await until(
    clock,
    () => closingInterval,
    half(),
    () => traffic.survey(clock.now()).busy === 0 && tasks.size === 0,
  )
  const unfinishedTasks = tasks.unfinished
  // The framework's own close waits for its connections, and some never end by themselves: both at the same time.
  // And an onDrain hook may still use what an onClose hook closes.
  const [closed, { forced, cut }] = await Promise.all([
    frameworks.runTogether(() => budget.left / 2),
    partWithClients(clock, traffic, half(), begun),
    within(clock, budget.left / 2, announced()),
  ])
  const hooks = [...closed, ...(await onClose.runNewestFirst(() => budget.left))]
  const undeliveredBytes = outlived ? 0 : await delivered(clock, addresses, () => budget.left)
  return { forced, unfinishedTasks, hooks, undeliveredBytes, unknownConnections: cut }
}

/**
 * Until Node has accepted all there is: the kernel resets what it still has to hand over when nobody listens, and so does the
 * primary of a cluster. Of each listener Node accepts one connection in a turn, and the first turn may be what is left of this one.
 */
async function acceptAll(
  clock: Clock,
  traffic: Traffic,
  handOver: () => Promise<void>,
  left: () => number,
): Promise<void> {
  let before: number
  do {
    before = traffic.accepted
    await within(clock, left(), handOver())
    await turn()
    await turn()
  } while (traffic.accepted > before && left() > 0)
}

/** Ends every connection: those with a request once it is answered, the others at once. Returns what had to be cut. */
async function partWithClients(
  clock: Clock,
  traffic: Traffic,
  limit: () => number,
  begun: number,
): Promise<{ forced: OpenRequest[]; cut: number }> {
  let waitUntil = clock.now() + farewellTime
  const gone = async (): Promise<boolean> => {
    if (await traffic.endIdle(limit)) waitUntil = clock.now() + farewellTime
    const { busy } = traffic.survey(clock.now())
    return !traffic.connected || (clock.now() >= waitUntil && busy === 0)
  }
  // Requests that are still there after the first wait are over their time.
  if (traffic.survey(clock.now()).busy === 0) await until(clock, () => closingInterval, limit, gone)
  const cut = traffic.servers.earlier.unknown
  return { forced: await traffic.destroy(begun), cut }
}
