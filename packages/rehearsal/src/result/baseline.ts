import { type ClientKind, clientKinds, kinds } from '../load/kinds.js'
import type { LostEvent, RehearsalEvent } from '../timeline/events.js'
import type { Finding } from './coroner.js'

/** What only the end of a pod does to a request. Before the first pod ends there is none to compare with. */
const ofAnEnd: ReadonlyArray<Finding['kind']> = [
  'listener closed',
  'exit',
  'killed',
  'crash',
  'failed',
  'no endpoint',
  'network gone',
]

/** Who would have lost more than so many before the scenario, if it were like the others, and lost none, is not like them. */
const byChanceNone = 5

/** How many losses are alike, before the scenario and since. */
interface Group {
  before: number
  since: number
  /** How many of those since then were of a pod that nothing was done to. */
  undisturbed: number
  /** How many of each of the two are still to be told from the scenario's; undefined while they are counted. */
  left?: { undisturbed: number; others: number }
}

/**
 * The losses that the scenario is not to blame for: those from before it, and since then as many of the same client,
 * request and cause as there would have been without it. What is within three standard deviations of that number is chance.
 * A client that asked too seldom to have lost any before is judged by the others that ask the same.
 *
 * It is told of every loss twice, in the same order: to count them all, and then to tell them apart.
 */
export class Baseline {
  readonly #groups = new Map<string, Group>()
  /** How many were lost before the scenario by all clients that ask the same. */
  readonly #before = new Map<string, number>()
  #begin: Extract<RehearsalEvent, { type: 'scenario-begin' }> | undefined
  #end: Extract<RehearsalEvent, { type: 'load-end' }> | undefined

  constructor(events: Iterable<RehearsalEvent>) {
    for (const event of events) {
      if (event.type === 'scenario-begin') this.#begin ??= event
      else if (event.type === 'load-end') this.#end ??= event
    }
  }

  /** Counts so many losses like this one. */
  count(loss: LostEvent, finding: Finding, count: number): void {
    const group = this.#groupOf(loss)
    if (this.#isBefore(loss)) {
      group.before += count
      this.#before.set(sameOf(loss), this.#beforeOf(loss) + count)
    } else if (!ofAnEnd.includes(finding.kind)) {
      group.since += count
      if (isUndisturbed(finding)) group.undisturbed += count
    }
  }

  /** How many of so many losses like this one the scenario is not to blame for. */
  share(loss: LostEvent, finding: Finding, count: number): number {
    if (this.#begin === undefined || this.#end === undefined) return 0
    if (this.#isBefore(loss)) return count
    if (ofAnEnd.includes(finding.kind)) return 0
    const group = this.#groupOf(loss)
    group.left ??= this.#expected(group, loss)
    // Which of them would have been lost anyway nobody knows; more likely those of pods that nothing was done to.
    const which = isUndisturbed(finding) ? 'undisturbed' : 'others'
    const share = Math.min(count, group.left[which])
    group.left[which] -= share
    return share
  }

  #expected({ before: own, since, undisturbed }: Group, loss: LostEvent): NonNullable<Group['left']> {
    const { client } = loss
    const ownRequests = this.#begin?.requests[client] ?? 0
    const requestsAlike = alike(client).reduce((sum, kind) => sum + (this.#begin?.requests[kind] ?? 0), 0)
    const isOwn = own > 0 || (ownRequests * this.#beforeOf(loss)) / Math.max(1, requestsAlike) > byChanceNone
    const before = isOwn ? own : this.#beforeOf(loss)
    if (before === 0) return { undisturbed: 0, others: 0 }
    const requests = isOwn ? ownRequests : requestsAlike
    const requestsSince = (this.#end?.requests[client] ?? 0) - (this.#begin?.requests[client] ?? 0)
    const ratio = requestsSince / Math.max(1, requests)
    const expected = before * ratio
    const chance = 3 * Math.sqrt(expected * (1 + ratio))
    const excess = since > expected + chance ? Math.ceil(since - expected) : 0
    const left = Math.min(undisturbed, since - excess)
    return { undisturbed: left, others: since - excess - left }
  }

  #beforeOf(loss: LostEvent): number {
    return this.#before.get(sameOf(loss)) ?? 0
  }

  #isBefore({ t }: LostEvent): boolean {
    return this.#begin !== undefined && t < this.#begin.t
  }

  #groupOf({ client, method, path, cause }: LostEvent): Group {
    const key = [client, method, path, cause].join(' ')
    const group = this.#groups.get(key) ?? { before: 0, since: 0, undisturbed: 0 }
    this.#groups.set(key, group)
    return group
  }
}

/** The kinds of clients that ask for the same as one does. */
function alike(client: ClientKind): ClientKind[] {
  return clientKinds.filter((kind) => kinds[kind].path === kinds[client].path)
}

function sameOf({ client, method, path, cause }: LostEvent): string {
  return [kinds[client].path, method, path, cause].join(' ')
}

function isUndisturbed({ life }: Finding): boolean {
  return life?.toldAt === undefined
}
