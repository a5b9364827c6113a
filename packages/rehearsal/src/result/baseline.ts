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

/** Losses that are alike, before the scenario and since. */
interface Group {
  readonly before: LostEvent[]
  readonly since: LostEvent[]
}

/**
 * The losses that the scenario is not to blame for: those from before it, and since then as many of the same client,
 * request and cause as there would have been without it. What is within three standard deviations of that number is chance.
 */
export function backgroundOf(
  events: readonly RehearsalEvent[],
  findings: ReadonlyMap<LostEvent, Finding>,
): ReadonlySet<LostEvent> {
  const begin = events.find((event) => event.type === 'scenario-begin')
  const end = events.find((event) => event.type === 'load-end')
  const background = new Set<LostEvent>()
  if (begin?.type !== 'scenario-begin' || end?.type !== 'load-end') return background
  const groups = new Map<string, Group>()
  for (const [loss, { kind }] of findings) {
    const isBefore = loss.t < begin.t
    if (isBefore) background.add(loss)
    else if (ofAnEnd.includes(kind)) continue
    const key = [loss.client, loss.method, loss.path, loss.cause].join(' ')
    const group = groups.get(key) ?? { before: [], since: [] }
    groups.set(key, group)
    group[isBefore ? 'before' : 'since'].push(loss)
  }
  for (const { before, since } of groups.values()) {
    const [first] = before
    if (first === undefined) continue
    const requests = begin.requests[first.client]
    const ratio = (end.requests[first.client] - requests) / Math.max(1, requests)
    const expected = before.length * ratio
    const chance = 3 * Math.sqrt(expected * (1 + ratio))
    const excess = since.length > expected + chance ? Math.ceil(since.length - expected) : 0
    // Which of them would have been lost anyway nobody knows; more likely those of pods that nothing was done to.
    const isUndisturbed = (loss: LostEvent) => findings.get(loss)?.life?.toldAt === undefined
    const likely = [...since.filter(isUndisturbed), ...since.filter((loss) => !isUndisturbed(loss))]
    for (const loss of likely.slice(0, since.length - excess)) background.add(loss)
  }
  return background
}
