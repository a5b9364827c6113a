import type { ClientKind } from './client-kinds.js'

/** What a scenario does to the pods, as a phase. */
export type Disruption = 'rolling update' | 'scaling down' | 'liveness kill' | 'node shutdown' | 'eviction' | 'crash'

/** Where a rehearsal stands. */
export type Phase = 'starting pods' | 'warming up' | Disruption | 'cooling down' | 'done'

/**
 * How a request was lost: `refused` (no connection), `reset` (the connection ended before a status),
 * `truncated` (a status came, the body did not end), `status 503` and so on (a status that is no success),
 * `closed 1006` and so on (a WebSocket's close code), `timeout` (the client's own limit), `error` (anything else; see the message).
 */
export type LossCause =
  | 'refused'
  | 'reset'
  | 'truncated'
  | 'timeout'
  | 'error'
  | `status ${number}`
  | `closed ${number}`

/** Why a container was ended without its pod being deleted. */
export type KillReason = 'liveness' | 'node shutdown' | 'eviction' | 'crash'

/** A request was lost; `sentAt` is on the same clock as `t`, `pod` is null when there was no endpoint. */
export interface LostHappening {
  readonly type: 'lost'
  readonly client: ClientKind
  readonly pod: string | null
  readonly method: string
  readonly path: string
  readonly cause: LossCause
  readonly message: string
  readonly sentAt: number
  /** Whether it went over a connection that had served a request before. */
  readonly reused: boolean
  /** What happened to it, in the terms of the timeline. Known once the rehearsal is over, so not to `onEvent`. */
  readonly why?: string
}

/** What happened, without the time. */
export type Happening =
  /** The rehearsal entered a phase. */
  | { readonly type: 'phase'; readonly phase: Phase }
  /** A pod's process was started; a second time when its container was restarted. */
  | {
      readonly type: 'pod-start'
      readonly pod: string
      readonly old: boolean
      readonly host: string
      readonly port: number
    }
  /** A readiness probe changed the pod's state. */
  | { readonly type: 'pod-ready'; readonly pod: string }
  | { readonly type: 'pod-unready'; readonly pod: string; readonly message: string }
  /** The Deployment controller deleted the pod: its grace period begins, and the endpoints are told. */
  | { readonly type: 'pod-deleted'; readonly pod: string }
  /** The container is ended without a delete, so the endpoints are told nothing: by the kubelet, or by its own crash. */
  | { readonly type: 'container-killed'; readonly pod: string; readonly reason: KillReason }
  /** The preStop hook began. */
  | { readonly type: 'hook-start'; readonly pod: string }
  /** The kubelet no longer waits for the hook; `cut` when the grace period was spent first. */
  | { readonly type: 'hook-end'; readonly pod: string; readonly outcome: 'done' | 'failed' | 'cut' }
  /** The kubelet's event FailedPreStopHook; after a cut it comes once the process is dead. */
  | { readonly type: 'hook-failed'; readonly pod: string; readonly message: string }
  /** SIGTERM was sent; SIGKILL follows after `graceSeconds`. */
  | { readonly type: 'sigterm'; readonly pod: string; readonly graceSeconds: number }
  | { readonly type: 'sigkill'; readonly pod: string }
  /** The pod's process is gone. */
  | { readonly type: 'pod-exit'; readonly pod: string; readonly code: number | null; readonly signal: string | null }
  /** New connections go to these pods from now on. */
  | { readonly type: 'endpoints'; readonly pods: readonly string[] }
  | LostHappening
  /**
   * The load has ended and every request has its outcome: how many there were of each kind, lost ones included.
   * `heldUpMs` is the longest time this process itself, kubelet and clients, could do nothing.
   */
  | {
      readonly type: 'load-end'
      readonly requests: Readonly<Record<ClientKind, number>>
      readonly heldUpMs: number
    }

/** One thing that happened, `t` ms after the rehearsal began. */
export type RehearsalEvent = { readonly t: number } & Happening

/** A lost request, with the time it was lost at. */
export type LostEvent = { readonly t: number } & LostHappening

/** The state of the load at one moment, taken about every 100 ms. */
export interface Sample {
  readonly type: 'sample'
  readonly t: number
  /** Requests on their way, for each kind of client. */
  readonly inFlight: Readonly<Record<ClientKind, number>>
  /** Requests that have an outcome, so far. */
  readonly requests: number
  /** Requests lost, so far. */
  readonly lost: number
  /** Answers since the sample before, for each pod that gave one. */
  readonly answered: Readonly<Record<string, number>>
  /** How long these answers took, of `keepAlive`, `newConnection`, `slowKeepAlive` and `http2` clients; null without any. */
  readonly latency: Latency | null
}

/** Quantiles in ms, from the moment a request is sent, its connection included, to the end of its body. */
export interface Latency {
  readonly p50: number
  readonly p99: number
  readonly max: number
}

/** What `onEvent` receives: every event, and the load's samples in between. */
export type LiveEvent = RehearsalEvent | Sample

/** Milliseconds since the rehearsal began, to a tenth: more digits would only pretend. */
export type Clock = () => number

/** Starts a clock at 0. */
export function createClock(): Clock {
  const startedAt = performance.now()
  return () => Math.round((performance.now() - startedAt) * 10) / 10
}

/** Writes one event down. */
export type Recorder = (happening: Happening) => void
