import { type ClientKind, eachKind } from '../load/kinds.js'
import type { LossCause } from '../load/outcome.js'
import { type Sample, total } from '../load/sample.js'
import type { KnownOptions } from '../plan/options.js'
import type { LostEvent } from '../timeline/events.js'
import { countOf } from '../timeline/losses.js'
import type { Diagnosed, Diagnosis } from './diagnosis.js'
import { type Outage, outageOf } from './outage.js'
import { type Verdict, verdictOf, warningsOf } from './verdict.js'

/** A rehearsal in numbers. Times in ms. */
export interface Summary {
  readonly verdict: Verdict
  /** Why the verdict is `inconclusive`, as sentences. Empty for other verdicts. */
  readonly warnings: readonly string[]
  /** Requests of all clients, lost ones included. */
  readonly requests: number
  /** How many of them were sent since the scenario began. */
  readonly requestsSince: number
  /** Lost requests, without those in `background`. */
  readonly lost: number
  /** Lost requests that the scenario did not cause: those of `diagnoses` that are `background`. */
  readonly background: number
  /** How long no client got an answer. */
  readonly outage: Outage
  readonly requestsByClient: Readonly<Record<ClientKind, number>>
  readonly lostByClient: Readonly<Record<ClientKind, number>>
  /** Only causes that occurred, most frequent first. */
  readonly lostByCause: Readonly<Partial<Record<LossCause, number>>>
  /** Why requests were lost, and how to fix it, most frequent first. */
  readonly diagnoses: readonly Diagnosis[]
  /** From the delete of each old pod, or the kubelet's decision to end its container, to the exit of its process. */
  readonly oldPodsGoneAfterMs: { readonly max: number; readonly each: Readonly<Record<string, number>> }
  /** How many old pods ended in which way: `exit 0`, `SIGTERM`, `SIGKILL` … */
  readonly exits: Readonly<Record<string, number>>
  /** How many pods got SIGKILL because their grace period was over. */
  readonly killed: number
  /** How many preStop hooks failed: the kubelet's FailedPreStopHook events. */
  readonly hookFailures: number
  readonly durationMs: number
  /** The longest delay of the event loop that plays the kubelet and the Service; null on a real cluster. */
  readonly eventLoopDelayMs: number | null
  /** The longest delay of an event loop of the clients. */
  readonly loadEventLoopDelayMs: number
  /** The longest delay of the relay's and the built-in proxy's event loops (`through`); null without them. */
  readonly hopEventLoopDelayMs: number | null
  /** The seed of the rehearsal's random choices. */
  readonly seed: number
}

/** Sums up the events of a rehearsal with these options. */
export function summarise(
  { events, diagnoses }: Diagnosed,
  samples: readonly Sample[],
  plan: KnownOptions,
  incomplete: string | null,
): Summary {
  let requestsByClient = eachKind(() => 0)
  const lostByClient = eachKind(() => 0)
  const causes = new Map<LossCause, number>()
  const deletedAt = new Map<string, number>()
  const each: Record<string, number> = {}
  const exits: Record<string, number> = {}
  let background = 0
  let before = 0
  let begunAt = Number.POSITIVE_INFINITY
  let killed = 0
  let hookFailures = 0
  let eventLoopDelayMs: number | null = 0
  let loadEventLoopDelayMs = 0
  let hopEventLoopDelayMs: number | null = null
  const lose = ({ client, cause, diagnosis }: LostEvent, count: number) => {
    if (diagnoses[diagnosis ?? 0]?.background === true) {
      background += count
      return
    }
    lostByClient[client] += count
    causes.set(cause, (causes.get(cause) ?? 0) + count)
  }
  for (const event of events) {
    if (event.type === 'load-end') {
      requestsByClient = { ...event.requests }
      eventLoopDelayMs = event.eventLoopDelayMs
      loadEventLoopDelayMs = event.loadEventLoopDelayMs
      hopEventLoopDelayMs = event.hopEventLoopDelayMs ?? null
    } else if (event.type === 'scenario-begin') {
      before = total(event.requests)
      begunAt = event.t
    } else if (event.type === 'pod-deleted' || event.type === 'container-killed') deletedAt.set(event.pod, event.t)
    else if (event.type === 'sigkill') killed++
    else if (event.type === 'hook-failed') hookFailures++
    else if (event.type === 'lost') lose(event, 1)
    else if (event.type === 'more-lost') lose(event.like, countOf(event))
    else if (event.type === 'pod-exit') {
      const deleted = deletedAt.get(event.pod)
      if (deleted === undefined) continue
      each[event.pod] = Math.round(event.t - deleted)
      const how = event.signal ?? `exit ${event.code}`
      exits[how] = (exits[how] ?? 0) + 1
    }
  }
  const requests = total(requestsByClient)
  const lost = total(lostByClient)
  const warnings = warningsOf({ eventLoopDelayMs, loadEventLoopDelayMs, hopEventLoopDelayMs }, plan)
  return {
    verdict: verdictOf(lost, warnings, incomplete),
    warnings,
    requests,
    requestsSince: Math.max(0, requests - before),
    lost,
    background,
    outage: outageOf(samples, begunAt),
    requestsByClient,
    lostByClient,
    lostByCause: Object.fromEntries([...causes].sort(([, a], [, b]) => b - a)),
    diagnoses,
    oldPodsGoneAfterMs: { max: Math.max(0, ...Object.values(each)), each },
    exits,
    killed,
    hookFailures,
    durationMs: events.at(-1)?.t ?? 0,
    eventLoopDelayMs,
    loadEventLoopDelayMs,
    hopEventLoopDelayMs,
    seed: plan.seed,
  }
}
