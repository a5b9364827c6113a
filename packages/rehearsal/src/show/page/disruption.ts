import type { Rehearsal } from '../../result/rehearsal.js'
import type { Disruption } from '../../timeline/events.js'
import type { Stretch } from './drawing.js'

/** What was done to the pods, and when, in ms since the rehearsal began. `noun` is such as `update`, for “the update”. */
export interface Done extends Stretch {
  readonly name: string
  readonly noun: string
}

const around = ['starting pods', 'warming up', 'cooling down', 'done']

const nouns: Readonly<Record<Disruption, string>> = {
  'rolling update': 'update',
  'scaling down': 'scale-down',
  'liveness kill': 'liveness kill',
  'node shutdown': 'node shutdown',
  eviction: 'eviction',
  deletion: 'deletion',
  crash: 'crash',
}

/** The phase between warming up and cooling down. */
export function disruptionOf({ events, summary }: Rehearsal): Done {
  const phases = events.flatMap((event) => (event.type === 'phase' ? [event] : []))
  const index = phases.findIndex(({ phase }) => !around.includes(phase))
  const name = phases[index]?.phase ?? 'rolling update'
  return {
    from: phases[index]?.t ?? 0,
    to: phases[index + 1]?.t ?? summary.durationMs,
    name,
    noun: nouns[name as Disruption] ?? 'rehearsal',
  }
}
