import { Coroner, type DiagnosisKind } from './coroner.js'
import type { LossCause, LostEvent, RehearsalEvent } from './events.js'
import type { RehearsalPlan } from './options.js'
import { remedyOf } from './remedies.js'

/** Losses that have the same reason, and what would have saved them. */
export interface Diagnosis {
  readonly kind: DiagnosisKind
  /** How the client saw it. */
  readonly cause: LossCause
  readonly count: number
  /** What happened, told of `example`. */
  readonly why: string
  /** The one line that most probably mends it. */
  readonly fix: string
  /** The first of the losses. */
  readonly example: LostEvent
}

/** Names the reasons of all losses, the most frequent first. */
export function diagnose(events: readonly RehearsalEvent[], plan: RehearsalPlan): Diagnosis[] {
  const coroner = new Coroner(events, plan)
  const found = new Map<string, Diagnosis & { count: number }>()
  for (const event of events) {
    if (event.type !== 'lost') continue
    const { kind, why, life } = coroner.examine(event)
    const fix = remedyOf(kind, event, life, plan)
    const key = [kind, event.cause, fix].join()
    const diagnosis = found.get(key)
    if (diagnosis !== undefined) diagnosis.count++
    else found.set(key, { kind, cause: event.cause, count: 1, why, fix, example: event })
  }
  return [...found.values()].sort((a, b) => b.count - a.count)
}

/** The same events, each loss with its `why`. */
export function explain(events: readonly RehearsalEvent[], plan: RehearsalPlan): RehearsalEvent[] {
  const coroner = new Coroner(events, plan)
  return events.map((event) => (event.type === 'lost' ? { ...event, why: coroner.examine(event).why } : event))
}
