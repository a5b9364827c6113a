import type { ClientKind } from '../load/kinds.js'
import type { Loss } from '../load/outcome.js'
import type { Sample } from '../load/sample.js'
import type { Upstream } from './upstream.js'

/** What a scenario does to the pods, as a phase. */
export type Disruption =
  | 'rolling update'
  | 'scaling down'
  | 'liveness kill'
  | 'node shutdown'
  | 'eviction'
  | 'deletion'
  | 'crash'

/** Where a rehearsal stands. */
export type Phase = 'starting pods' | 'warming up' | Disruption | 'cooling down' | 'done'

/** Why a container was ended without its pod being deleted. */
export type KillReason = 'liveness' | 'node shutdown' | 'eviction' | 'crash'

/** A request was lost; `sentAt` is on the same clock as `t`. */
export interface LostHappening extends Loss {
  readonly type: 'lost'
  readonly client: ClientKind
  /** What was seen between what stands before the pods and the pod; not known where nothing stands there. */
  readonly upstream?: Upstream
  /** What happened to it, in the terms of the timeline. Known once the rehearsal is over, so not to `onEvent`. */
  readonly why?: string
  /** The number of its diagnosis in the summary, from 0. Known once the rehearsal is over. */
  readonly diagnosis?: number
}

/**
 * Losses that are only counted, because there are so many like them that are told in full: of one client, pod, request, cause
 * and diagnosis. `counts`: how many there were in the tenth of a second that begins at `t`. `like` is the first of them.
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
  /** The scenario begins. `requests`: how many of each kind had their outcome by then, lost ones included. */
  | { readonly type: 'scenario-begin'; readonly requests: Readonly<Record<ClientKind, number>> }
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
  /** The container has ended so often that the kubelet waits before it starts it again (CrashLoopBackOff). */
  | { readonly type: 'back-off'; readonly pod: string; readonly seconds: number }
  /** The preStop hook began. */
  | { readonly type: 'hook-start'; readonly pod: string }
  /**
   * The kubelet no longer waits for the hook; `cut` when the grace period was spent first. `status`: what an HTTP hook was
   * answered, which the kubelet does not look at (runHTTPHandler in its source): a 404 is as good as a 200.
   */
  | {
      readonly type: 'hook-end'
      readonly pod: string
      readonly outcome: 'done' | 'failed' | 'cut'
      readonly status?: number
    }
  /** The kubelet's event FailedPreStopHook; after a cut it comes once the process is dead. */
  | { readonly type: 'hook-failed'; readonly pod: string; readonly message: string }
  /** SIGTERM was sent; SIGKILL follows after `graceSeconds`. */
  | { readonly type: 'sigterm'; readonly pod: string; readonly graceSeconds: number }
  /** SIGKILL was sent. `deafProgram`: what PID 1 was, if it had no handler for SIGTERM, so that the kernel had not delivered it. */
  | { readonly type: 'sigkill'; readonly pod: string; readonly deafProgram?: string }
  /** The pod's process is gone. */
  | { readonly type: 'pod-exit'; readonly pod: string; readonly code: number | null; readonly signal: string | null }
  /** The last lines that the pod's process wrote, soon after its end; not told when it wrote nothing. */
  | { readonly type: 'pod-output'; readonly pod: string; readonly lines: readonly string[] }
  /** New connections go to these pods from now on: those of the clients on `node`, from 1, where there is more than one. */
  | { readonly type: 'endpoints'; readonly pods: readonly string[]; readonly node?: number }
  | LostHappening
  | MoreLostHappening
  /**
   * The load has ended and every request has its outcome: how many there were of each kind, lost ones included.
   * `heldUpMs` is the longest time that kubelet and Service could do nothing, null where they are not ours; `loadHeldUpMs` that of
   * the clients, `hopHeldUpMs` that of what stands between clients and pods, as far as it is ours; left out where nothing does.
   */
  | {
      readonly type: 'load-end'
      readonly requests: Readonly<Record<ClientKind, number>>
      readonly heldUpMs: number | null
      readonly loadHeldUpMs: number
      readonly hopHeldUpMs?: number
    }

/** One thing that happened, `t` ms after the rehearsal began. */
export type RehearsalEvent = { readonly t: number } & Happening

/** A lost request, with the time it was lost at. */
export type LostEvent = { readonly t: number } & LostHappening

/** What `onEvent` receives: every event, and the load's samples in between. */
export type LiveEvent = RehearsalEvent | Sample

/** Writes one event down. */
export type Recorder = (happening: Happening) => void
