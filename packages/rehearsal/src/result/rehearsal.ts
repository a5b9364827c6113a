import type { Sample } from '../load/sample.js'
import type { KnownOptions } from '../plan/options.js'
import type { RehearsalEvent } from '../timeline/events.js'
import { diagnose } from './diagnosis.js'
import { type Summary, summarise } from './summary.js'

/** The version of the format of {@link Rehearsal}. It is raised when a field is removed or changes its meaning. */
export const resultFormat = 2

/** The result of a rehearsal. Can be written as JSON. */
export interface Rehearsal {
  /** See {@link resultFormat}. */
  readonly format: typeof resultFormat
  readonly options: KnownOptions
  /** Why the rehearsal ended early; null: it is complete. */
  readonly incomplete: string | null
  /** In the order of time. Of very many similar losses, the first are listed and the others counted (`more-lost`). */
  readonly events: readonly RehearsalEvent[]
  /** The load about every 100 ms, in the order of time. */
  readonly samples: readonly Sample[]
  readonly summary: Summary
}

/**
 * Diagnoses and sums up events, which must be in the order of time. Iterates over them more than once.
 * @param incomplete Why the rehearsal ended early. @default null: it is complete
 */
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
