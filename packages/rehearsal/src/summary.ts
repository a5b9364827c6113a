import { type ClientKind, clientKinds } from './client-kinds.js'
import { type Diagnosis, diagnose } from './diagnosis.js'
import type { LossCause, RehearsalEvent } from './events.js'
import type { RehearsalPlan } from './options.js'

/** A rehearsal in numbers. Times in ms. */
export interface Summary {
  /** Requests of all clients, lost ones included. */
  readonly requests: number
  readonly lost: number
  readonly requestsByClient: Readonly<Record<ClientKind, number>>
  readonly lostByClient: Readonly<Record<ClientKind, number>>
  /** Only causes that occurred, most frequent first. */
  readonly lostByCause: Readonly<Partial<Record<LossCause, number>>>
  /** Why requests were lost and the one line that would have saved them, most frequent first. */
  readonly diagnoses: readonly Diagnosis[]
  /** From the delete of each old pod, or the end put to its container, to the end of its process. */
  readonly oldPodsGoneAfterMs: { readonly max: number; readonly each: Readonly<Record<string, number>> }
  /** How the old pods ended: `exit 0`, `SIGTERM`, `SIGKILL` …, and how many of them did. */
  readonly exits: Readonly<Record<string, number>>
  /** Pods whose grace period ran out. */
  readonly killed: number
  /** FailedPreStopHook events. */
  readonly hookFailures: number
  readonly durationMs: number
  /** The longest time this process itself was held up; if it is more than some tens of ms, distrust single losses. */
  readonly heldUpMs: number
  readonly seed: number
}

/** Adds the events of a rehearsal with these options up. */
export function summarise(events: readonly RehearsalEvent[], plan: RehearsalPlan): Summary {
  let requestsByClient = countByClient(() => 0)
  const lostByClient = countByClient(() => 0)
  const causes = new Map<LossCause, number>()
  const deletedAt = new Map<string, number>()
  const each: Record<string, number> = {}
  const exits: Record<string, number> = {}
  let killed = 0
  let hookFailures = 0
  let heldUpMs = 0
  for (const event of events) {
    if (event.type === 'load-end') {
      requestsByClient = { ...event.requests }
      heldUpMs = event.heldUpMs
    } else if (event.type === 'pod-deleted' || event.type === 'container-killed') deletedAt.set(event.pod, event.t)
    else if (event.type === 'sigkill') killed++
    else if (event.type === 'hook-failed') hookFailures++
    else if (event.type === 'lost') {
      lostByClient[event.client]++
      causes.set(event.cause, (causes.get(event.cause) ?? 0) + 1)
    } else if (event.type === 'pod-exit') {
      const deleted = deletedAt.get(event.pod)
      if (deleted === undefined) continue
      each[event.pod] = Math.round(event.t - deleted)
      const how = event.signal ?? `exit ${event.code}`
      exits[how] = (exits[how] ?? 0) + 1
    }
  }
  const total = (counts: Record<ClientKind, number>) => clientKinds.reduce((sum, kind) => sum + counts[kind], 0)
  return {
    requests: total(requestsByClient),
    lost: total(lostByClient),
    requestsByClient,
    lostByClient,
    lostByCause: Object.fromEntries([...causes].sort(([, a], [, b]) => b - a)),
    diagnoses: diagnose(events, plan),
    oldPodsGoneAfterMs: { max: Math.max(0, ...Object.values(each)), each },
    exits,
    killed,
    hookFailures,
    durationMs: events.at(-1)?.t ?? 0,
    heldUpMs,
    seed: plan.seed,
  }
}

function countByClient(count: (kind: ClientKind) => number): Record<ClientKind, number> {
  return Object.fromEntries(clientKinds.map((kind) => [kind, count(kind)])) as Record<ClientKind, number>
}
