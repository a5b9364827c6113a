import type { LossCause } from '../load/outcome.js'
import type { KnownOptions } from '../plan/options.js'
import type { LostEvent, RehearsalEvent } from '../timeline/events.js'
import { Abridgement, lossesIn } from '../timeline/losses.js'
import { suffered } from '../timeline/upstream.js'
import { Baseline } from './baseline.js'
import { Coroner, type DiagnosisKind } from './coroner.js'
import { remedyOf, remedyOfBackground } from './remedies.js'

/** Losses with the same reason and the same fix. */
export interface Diagnosis {
  readonly kind: DiagnosisKind
  /** How the client saw the losses. */
  readonly cause: LossCause
  /** How many losses there are. */
  readonly count: number
  /** Whether the losses are of a kind that was as frequent before the scenario began. Then they do not count as lost. */
  readonly background: boolean
  /** What happened to `example`, as a sentence. */
  readonly why: string
  /** The one change that most probably prevents such losses, in one line. */
  readonly fix: string
  /** The first of the losses. */
  readonly example: LostEvent
}

/** The events with `why` and `diagnosis` in each loss. Of very many similar losses, most are only counted (`more-lost`). */
export interface Diagnosed {
  readonly events: readonly RehearsalEvent[]
  /** The most frequent first. Those that are `background` come last. */
  readonly diagnoses: readonly Diagnosis[]
}

/** Finds out why each request was lost. Iterates over the events several times, so that it does not keep the losses in memory. */
export function diagnose(events: Iterable<RehearsalEvent>, plan: KnownOptions): Diagnosed {
  const coroner = new Coroner(events, plan)
  const baseline = new Baseline(events)
  for (const [loss, count] of lossesIn(events)) baseline.count(loss, coroner.examine(loss), count)
  const found = new Map<string, Diagnosis & { count: number; readonly number: number }>()
  const losses = new Abridgement()
  for (const [loss, all, inFull] of lossesIn(events)) {
    const finding = coroner.examine(loss)
    const known = baseline.share(loss, finding, all)
    for (const [background, count] of [
      [true, known],
      [false, all - known],
    ] as const) {
      if (count === 0) continue
      const { kind, why, life } = finding
      const fix = background ? remedyOfBackground(loss) : remedyOf(kind, suffered(loss), life, plan)
      const key = [background, kind, loss.cause, fix].join()
      const example = bare(loss)
      const diagnosis = found.get(key) ?? {
        kind,
        cause: loss.cause,
        count: 0,
        background,
        why,
        fix,
        example,
        number: found.size,
      }
      found.set(key, diagnosis)
      diagnosis.count += count
      losses.add({ ...example, why, diagnosis: diagnosis.number }, count, inFull)
    }
  }
  const sorted = [...found.values()].sort((a, b) => Number(a.background) - Number(b.background) || b.count - a.count)
  const places = new Map(sorted.map(({ number }, place) => [number, place]))
  const placed = (loss: LostEvent): LostEvent => ({ ...loss, diagnosis: places.get(loss.diagnosis ?? 0) ?? 0 })
  const others = Array.from(notLost(events))
  const told = losses.events.map((event) => {
    if (event.type === 'lost') return placed(event)
    return event.type === 'more-lost' ? { ...event, like: placed(event.like) } : event
  })
  return {
    diagnoses: sorted.map(({ number, ...diagnosis }) => diagnosis),
    events: [...others, ...told].sort((a, b) => a.t - b.t),
  }
}

/** The loss without an earlier diagnosis. */
function bare({ why, diagnosis, ...loss }: LostEvent): LostEvent {
  return loss
}

function* notLost(events: Iterable<RehearsalEvent>): Generator<RehearsalEvent> {
  for (const event of events) if (event.type !== 'lost' && event.type !== 'more-lost') yield event
}
