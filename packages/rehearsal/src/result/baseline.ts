import { type ClientKind, clientKinds, kinds } from '../load/kinds.js'
import type { LostEvent, RehearsalEvent } from '../timeline/events.js'
import type { Finding } from './coroner.js'

/** Kinds of loss that only the end of a pod causes. None of them can happen before the scenario. */
const ofAnEnd: ReadonlyArray<Finding['kind']> = [
  'listener closed',
  'exit',
  'killed',
  'crash',
  'failed',
  'no endpoint',
  'network gone',
]

/** A kind of client that lost nothing before the scenario, where more than this many losses were expected from similar clients, differs from those. */
const byChanceNone = 5

/** Numbers of losses with the same client, request and cause: before the scenario began, and since. */
interface Group {
  before: number
  since: number
  /** How many of those since then were on a pod that was not being ended. */
  undisturbed: number
  /** How many losses are still to be counted as background, of both kinds of pods; undefined during the first pass. */
  left?: { undisturbed: number; others: number }
}

/**
 * Finds the losses that the scenario did not cause: all before it, and since then as many of the same client, request and cause as
 * were to be expected without it. Up to three standard deviations more than expected count as chance.
 * A kind of client that sent too few requests before the scenario is judged by other kinds that request the same path.
 *
 * Every loss is passed twice, in the same order: first to {@link count}, then to {@link share}.
 */
export class Baseline {
  readonly #groups = new Map<string, Group>()
  /** Losses before the scenario, over all kinds of clients that request the same path. */
  readonly #before = new Map<string, number>()
  #begin: Extract<RehearsalEvent, { type: 'scenario-begin' }> | undefined
  #end: Extract<RehearsalEvent, { type: 'load-end' }> | undefined

  constructor(events: Iterable<RehearsalEvent>) {
    for (const event of events) {
      if (event.type === 'scenario-begin') this.#begin ??= event
      else if (event.type === 'load-end') this.#end ??= event
    }
  }

  /** Counts `count` losses like this one. */
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

  /** How many of `count` losses like this one the scenario did not cause. */
  share(loss: LostEvent, finding: Finding, count: number): number {
    if (this.#begin === undefined || this.#end === undefined) return 0
    if (this.#isBefore(loss)) return count
    if (ofAnEnd.includes(finding.kind)) return 0
    const group = this.#groupOf(loss)
    group.left ??= this.#expected(group, loss)
    // It is unknown which of them would have been lost anyway. Losses on pods that were not being ended are more likely.
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

/** The kinds of clients that request the same path. */
function alike(client: ClientKind): ClientKind[] {
  return clientKinds.filter((kind) => kinds[kind].path === kinds[client].path)
}

function sameOf({ client, method, path, cause }: LostEvent): string {
  return [kinds[client].path, method, path, cause].join(' ')
}

function isUndisturbed({ life }: Finding): boolean {
  return life?.toldAt === undefined
}
