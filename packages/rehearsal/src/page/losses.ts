import type { RehearsalEvent } from '../events.js'
import type { Rehearsal } from '../rehearse.js'
import type { LossKind } from './drawing.js'

/** Losses of one kind: how many, the first and the last of them in ms. */
export interface LossGroup {
  readonly kind: LossKind
  readonly times: readonly number[]
}

type Lost = Extract<RehearsalEvent, { type: 'lost' }>

/** Above this, what differs from loss to loss is left out: a page with a kind for each loss would help nobody. */
const mostKinds = 1000

/** Sorts the losses by kind, those that began first first. */
export function groupLosses({ events }: Rehearsal): LossGroup[] {
  const groups = new Map<string, { kind: LossKind; times: number[] }>()
  for (const event of events) {
    if (event.type !== 'lost') continue
    let kind = kindOf(event)
    let key = JSON.stringify(Object.values(kind))
    if (groups.size >= mostKinds && !groups.has(key)) {
      kind = { ...kind, request: 'various requests', message: '', why: '' }
      key = JSON.stringify(Object.values(kind))
    }
    const group = groups.get(key) ?? { kind, times: [] }
    groups.set(key, group)
    group.times.push(event.t)
  }
  return [...groups.values()]
}

function kindOf({ pod, cause, client, method, path, message }: Lost): LossKind {
  return { pod, cause, client, request: `${method} ${path}`, message, why: '', fix: '' }
}

/** Requests lost on a pod, or with `null` for want of one. */
export function lostOn(pod: string | null, groups: readonly LossGroup[]): number {
  return groups.reduce((sum, { kind, times }) => sum + (kind.pod === pod ? times.length : 0), 0)
}
