import type { LossCause } from '../load/outcome.js'
import type { RehearsalPlan } from '../plan/options.js'
import type { LostEvent, RehearsalEvent } from '../timeline/events.js'
import { suffered } from '../timeline/upstream.js'
import { backgroundOf } from './baseline.js'
import { Coroner, type DiagnosisKind, type Finding } from './coroner.js'
import { remedyOf, remedyOfBackground } from './remedies.js'

/** Losses that have the same reason, and what would have saved them. */
export interface Diagnosis {
  readonly kind: DiagnosisKind
  /** How the client saw it. */
  readonly cause: LossCause
  readonly count: number
  /** Whether as many were lost before the scenario began: then they do not count as lost by it. */
  readonly background: boolean
  /** What happened, told of `example`. */
  readonly why: string
  /** The one line that most probably mends it. */
  readonly fix: string
  /** The first of the losses. */
  readonly example: LostEvent
}

/** The events, of which each loss has its `why` and the number of its diagnosis. */
export interface Diagnosed {
  readonly events: readonly RehearsalEvent[]
  /** The most frequent first, and last what was lost before the scenario, too. */
  readonly diagnoses: readonly Diagnosis[]
}

/** Finds out why each request was lost. */
export function diagnose(events: readonly RehearsalEvent[], plan: RehearsalPlan): Diagnosed {
  const coroner = new Coroner(events, plan)
  const findings = new Map<LostEvent, Finding>()
  for (const event of events) if (event.type === 'lost') findings.set(event, coroner.examine(event))
  const background = backgroundOf(events, findings)
  const found = new Map<string, Diagnosis & { count: number }>()
  const keys = new Map<LostEvent, string>()
  for (const [loss, { kind, why, life }] of findings) {
    const known = background.has(loss)
    const fix = known ? remedyOfBackground(loss) : remedyOf(kind, suffered(loss), life, plan)
    const key = [known, kind, loss.cause, fix].join()
    keys.set(loss, key)
    const diagnosis = found.get(key)
    if (diagnosis !== undefined) diagnosis.count++
    else found.set(key, { kind, cause: loss.cause, count: 1, background: known, why, fix, example: plain(loss) })
  }
  const sorted = [...found].sort(([, a], [, b]) => Number(a.background) - Number(b.background) || b.count - a.count)
  const numbers = new Map(sorted.map(([key], index) => [key, index]))
  return {
    diagnoses: sorted.map(([, diagnosis]) => diagnosis),
    events: events.map((event) => {
      const finding = event.type === 'lost' ? findings.get(event) : undefined
      if (event.type !== 'lost' || finding === undefined) return event
      return { ...event, why: finding.why, diagnosis: numbers.get(keys.get(event) ?? '') ?? 0 }
    }),
  }
}

/** As the client saw it. */
function plain({ why, diagnosis, ...loss }: LostEvent): LostEvent {
  return loss
}
