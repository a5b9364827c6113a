import type { Rehearsal } from '../../result/rehearsal.js'
import type { LostEvent } from '../../timeline/events.js'
import { lossesIn } from '../../timeline/losses.js'
import type { LossKind } from './drawing.js'

/** Losses of one kind, in the order of time. */
export interface LossGroup {
  readonly kind: LossKind & { readonly row: string }
  readonly losses: ReadonlyArray<{ readonly t: number; readonly why: string; readonly count: number }>
  /** The number of losses. */
  readonly count: number
}

/** The row of losses without a pod, because there was none. */
const nowhere = 'no endpoint'

/** With more kinds than this, requests and messages are left out: a page with a kind for each loss would not help. */
const mostKinds = 1000

const known = new WeakMap<Rehearsal, readonly LossGroup[]>()

/** Groups the losses by kind, in the order of the first loss. Each result is grouped once. */
export function groupLosses(result: Rehearsal): readonly LossGroup[] {
  const groups = known.get(result) ?? sort(result)
  known.set(result, groups)
  return groups
}

function sort({ events, summary, options: { through } }: Rehearsal): LossGroup[] {
  const groups = new Map<
    string,
    { kind: LossGroup['kind']; losses: Array<LossGroup['losses'][number]>; count: number }
  >()
  for (const [event, count] of lossesIn(events)) {
    const diagnosis = summary.diagnoses[event.diagnosis ?? 0]
    if (diagnosis === undefined || diagnosis.background) continue
    let kind = { row: rowOf(event, through), ...kindOf(event, diagnosis.fix) }
    let key = JSON.stringify(kind)
    if (groups.size >= mostKinds && !groups.has(key)) {
      kind = { ...kind, request: 'various requests', message: '' }
      key = JSON.stringify(kind)
    }
    const group = groups.get(key) ?? { kind, losses: [], count: 0 }
    groups.set(key, group)
    group.losses.push({ t: timeOf(event), why: event.why ?? diagnosis.why, count })
    group.count += count
  }
  for (const { losses } of groups.values()) losses.sort((a, b) => a.t - b.t)
  return [...groups.values()]
}

/** A client that gets no connection or no answer gives up much later, so such a loss is shown at the time it was sent. */
function timeOf({ cause, sentAt, t }: LostEvent): number {
  return cause === 'refused' || cause === 'timeout' ? sentAt : t
}

/** The row of a loss: its pod, the proxy if that lost the request by itself, or {@link nowhere}. */
function rowOf({ pod, upstream }: LostEvent, through: string | null): string {
  return pod ?? (upstream === undefined ? through : null) ?? nowhere
}

function kindOf({ cause, client, method, path, message }: LostEvent, fix: string): LossKind {
  return { cause, client, request: `${method} ${path}`, message, fix }
}

/** Requests lost in a row. */
export function lostIn(row: string, groups: readonly LossGroup[]): number {
  return groups.reduce((sum, { kind, count }) => sum + (kind.row === row ? count : 0), 0)
}
