import type { Sample } from '../load/sample.js'
import type { KnownOptions } from '../plan/options.js'
import type { RehearsalEvent } from '../timeline/events.js'
import { diagnose } from './diagnosis.js'
import { type Summary, summarise } from './summary.js'

export const resultFormat = 2

/** What came of a rehearsal; serialisable. */
export interface Rehearsal {
  /** Of the fields below and all that is in them: raised when one of them goes, or means something else. */
  readonly format: typeof resultFormat
  readonly options: KnownOptions
  /** Why it ended before its time, with what was known then; null for a whole one. */
  readonly incomplete: string | null
  /** In the order of time. Of very many losses that are alike, the first are told in full, the others counted (`more-lost`). */
  readonly events: readonly RehearsalEvent[]
  /** The load about every 100 ms. */
  readonly samples: readonly Sample[]
  readonly summary: Summary
}

/** Makes a result of what happened, in the order of time. The events are gone through more than once. */
export function conclude(
  options: KnownOptions,
  events: Iterable<RehearsalEvent>,
  samples: readonly Sample[],
  incomplete: string | null = null,
): Rehearsal {
  const diagnosed = diagnose(events, options)
  const summary = summarise(diagnosed, samples, options, incomplete)
  return { format: resultFormat, options, incomplete, events: diagnosed.events, samples, summary }
}
