import type { ClientKind } from '../load/kinds.js'
import type { Loss } from '../load/outcome.js'
import type { Sample } from '../load/sample.js'
import type { Upstream } from './upstream.js'

/** The phase in which a scenario acts on the pods. */
export type Disruption =
  | 'rolling update'
  | 'scaling down'
  | 'liveness kill'
  | 'node shutdown'
  | 'eviction'
  | 'deletion'
  | 'crash'

/** The phases of a rehearsal, in their order. */
export type Phase = 'starting pods' | 'warming up' | Disruption | 'cooling down' | 'done'

/** Why a container was ended without its pod being deleted. */
export type KillReason = 'liveness' | 'node shutdown' | 'eviction' | 'crash'

/** A request was lost. */
export interface LostHappening extends Loss {
  readonly type: 'lost'
  readonly client: ClientKind
  /** With `through`: what happened to the proxy's request to the pod. Missing if the proxy sent none. */
  readonly upstream?: Upstream
  /** Why the request was lost, as a sentence. Added when the rehearsal is over, so `onEvent` does not get it. */
  readonly why?: string
  /** The index of its diagnosis in `summary.diagnoses`. Added when the rehearsal is over. */
  readonly diagnosis?: number
}

/**
 * Losses that are only counted, because many similar ones are listed in full: with the same client, pod, request, cause and
 * diagnosis. `counts`: how many there were in the 100 ms that begin at `t`. `like` is the first of them.
 */
export interface MoreLostHappening {
  readonly type: 'more-lost'
  readonly like: LostEvent
  readonly counts: readonly (readonly [t: number, count: number])[]
}

/** What happened, without the time. */
export type Happening =
  /** The rehearsal entered a phase. */
  | { readonly type: 'phase'; readonly phase: Phase }
  /** The scenario begins. `requests`: how many requests of each kind had an outcome by then, lost ones included. */
  | { readonly type: 'scenario-begin'; readonly requests: Readonly<Record<ClientKind, number>> }
  /** A pod's process was started, or started again because its container was restarted. */
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
  /** The controller deleted the pod: its grace period begins, and its endpoint becomes terminating. */
  | { readonly type: 'pod-deleted'; readonly pod: string }
  /** The container is ended without a delete, by the kubelet or by a crash. So no endpoint changes yet. */
  | { readonly type: 'container-killed'; readonly pod: string; readonly reason: KillReason }
  /** The container has ended so often that the kubelet waits before it starts it again (CrashLoopBackOff). */
  | { readonly type: 'back-off'; readonly pod: string; readonly seconds: number }
  /** The preStop hook began. */
  | { readonly type: 'hook-start'; readonly pod: string }
  /**
   * The kubelet no longer waits for the hook. `cut`: the grace period was over first. `status`: the status of an HTTP hook. The
   * kubelet ignores it (`runHTTPHandler` in its source), so a 404 counts as success like a 200.
   */
  | {
      readonly type: 'hook-end'
      readonly pod: string
      readonly outcome: 'done' | 'failed' | 'cut'
      readonly status?: number
    }
  /** The kubelet's event FailedPreStopHook. After `cut` it comes when the process has exited. */
  | { readonly type: 'hook-failed'; readonly pod: string; readonly message: string }
  /** SIGTERM was sent; SIGKILL follows after `graceSeconds`. */
  | { readonly type: 'sigterm'; readonly pod: string; readonly graceSeconds: number }
  /**
   * SIGKILL was sent. `sigtermIgnoredBy`: the program of PID 1, if it had no handler for SIGTERM, so that the kernel did not deliver
   * it.
   */
  | { readonly type: 'sigkill'; readonly pod: string; readonly sigtermIgnoredBy?: string }
  /** The pod's process has exited. */
  | { readonly type: 'pod-exit'; readonly pod: string; readonly code: number | null; readonly signal: string | null }
  /** The last lines of the pod's output (at most 20), soon after its exit. Missing if it wrote nothing. */
  | { readonly type: 'pod-output'; readonly pod: string; readonly lines: readonly string[] }
  /** From now on, new connections go to these pods. `node` is the clients' node, from 1; missing if there is only one. */
  | { readonly type: 'endpoints'; readonly pods: readonly string[]; readonly node?: number }
  | LostHappening
  | MoreLostHappening
  /**
   * The load has ended, and every request has an outcome. `requests`: how many there were of each kind, lost ones included.
   * The longest delays of event loops, in ms: `eventLoopDelayMs` of the kubelet and Service (null on a real cluster), `loadEventLoopDelayMs` of the
   * clients, `hopEventLoopDelayMs` of the relay and the built-in proxy (missing without `through`).
   */
  | {
      readonly type: 'load-end'
      readonly requests: Readonly<Record<ClientKind, number>>
      readonly eventLoopDelayMs: number | null
      readonly loadEventLoopDelayMs: number
      readonly hopEventLoopDelayMs?: number
    }

/** One thing that happened, `t` ms after the rehearsal began. */
export type RehearsalEvent = { readonly t: number } & Happening

/** A lost request, and when it was lost, `t` ms after the rehearsal began. */
export type LostEvent = { readonly t: number } & LostHappening

/** What `onEvent` receives: every event, and the samples of the load. */
export type LiveEvent = RehearsalEvent | Sample

/** Records an event at the current time. */
export type Recorder = (happening: Happening) => void
