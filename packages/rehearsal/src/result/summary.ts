import { type ClientKind, eachKind } from '../load/kinds.js'
import type { LossCause } from '../load/outcome.js'
import { type Sample, total } from '../load/sample.js'
import type { KnownOptions } from '../plan/options.js'
import type { LostEvent } from '../timeline/events.js'
import { countOf } from '../timeline/losses.js'
import type { Diagnosed, Diagnosis } from './diagnosis.js'
import { type Silence, silenceOf } from './silence.js'
import { doubtsOf, type Verdict, verdictOf } from './verdict.js'

/** A rehearsal in numbers. Times in ms. */
export interface Summary {
  readonly verdict: Verdict
  /** Why the verdict is not to be trusted; empty when there is nothing against it. */
  readonly doubts: readonly string[]
  /** Requests of all clients, lost ones included. */
  readonly requests: number
  /** How many of them were sent since the scenario began. */
  readonly requestsSince: number
  /** Requests that the scenario has lost. */
  readonly lost: number
  /** Requests that failed as often before it: see `diagnoses` that are `background`. */
  readonly background: number
  /** How long clients waited and nobody got an answer. */
  readonly silence: Silence
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
  /** The longest time that this process, which plays the kubelet and the Service, could do nothing; null on a cluster. */
  readonly heldUpMs: number | null
  /** The longest time that the clients could do nothing. */
  readonly loadHeldUpMs: number
  /** The longest time that our relay and proxy between clients and pods could do nothing; null where nothing stands there. */
  readonly hopHeldUpMs: number | null
  readonly seed: number
}

/** Adds up what happened in a rehearsal with these options. */
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
  let heldUpMs: number | null = 0
  let loadHeldUpMs = 0
  let hopHeldUpMs: number | null = null
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
      heldUpMs = event.heldUpMs
      loadHeldUpMs = event.loadHeldUpMs
      hopHeldUpMs = event.hopHeldUpMs ?? null
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
  const doubts = doubtsOf({ heldUpMs, loadHeldUpMs, hopHeldUpMs }, plan)
  return {
    verdict: verdictOf(lost, doubts, incomplete),
    doubts,
    requests,
    requestsSince: Math.max(0, requests - before),
    lost,
    background,
    silence: silenceOf(samples, begunAt),
    requestsByClient,
    lostByClient,
    lostByCause: Object.fromEntries([...causes].sort(([, a], [, b]) => b - a)),
    diagnoses,
    oldPodsGoneAfterMs: { max: Math.max(0, ...Object.values(each)), each },
    exits,
    killed,
    hookFailures,
    durationMs: events.at(-1)?.t ?? 0,
    heldUpMs,
    loadHeldUpMs,
    hopHeldUpMs,
    seed: plan.seed,
  }
}
