import { answerOf } from '../load/outcome.js'
import type { KnownOptions } from '../plan/options.js'
import type { LostEvent, RehearsalEvent } from '../timeline/events.js'
import { type Life, livesOf, nameOf } from '../timeline/lives.js'
import { suffered } from '../timeline/upstream.js'

/** The reason for a loss. */
export type DiagnosisKind =
  /** The pod no longer listened, but the Service still routed new connections to it. */
  | 'listener closed'
  /** The server closed a keep-alive connection after a request had been sent over it. */
  | 'keep-alive connection closed'
  /** The process ended by itself with the request in flight. */
  | 'exit'
  /** SIGKILL at the end of the grace period. */
  | 'killed'
  /** The scenario crashed the process: SIGKILL without a warning. */
  | 'crash'
  /** The process was told to end, but failed first, with an error code or a signal that nobody sent. */
  | 'failed'
  /** A status that is no success, from a pod that still got requests. */
  | 'refused by the app'
  /** There was no endpoint at all. */
  | 'no endpoint'
  /** A new pod passed its readiness probe, but did not serve. */
  | 'not ready'
  /** The kernel had not delivered all bytes when the pod's network was removed with its process (`netns`). */
  | 'network gone'
  /** A response, stream or WebSocket was ended by a process that lived on. */
  | 'cut by the app'
  /** The client gave up waiting for a process that lived on. */
  | 'no answer'
  /** On a real cluster: the Service chose the pod, and without a response it is unknown which one. */
  | 'unknown pod'
  /** Nothing had been done to any pod yet, or not to this one. */
  | 'not the scenario'

/** What is known of one loss. */
export interface Finding {
  readonly kind: DiagnosisKind
  readonly why: string
  readonly life: Life | undefined
}

/**
 * ms by which a client may notice the end of a connection before the kubelet notices the end of the process. The longest delay of
 * the kubelet's event loop is added.
 */
const usualMoment = 250

/** Finds out why a request was lost. */
export class Coroner {
  readonly #lives = new Map<string, Life[]>()
  readonly #plan: KnownOptions
  readonly #begunAt: number
  /** Events within this many ms count as one. */
  readonly #moment: number

  constructor(events: Iterable<RehearsalEvent>, plan: KnownOptions) {
    this.#plan = plan
    for (const life of livesOf(events)) this.#lives.set(life.pod, [...(this.#lives.get(life.pod) ?? []), life])
    this.#begunAt = beginOf(events)
    this.#moment = usualMoment + heldUpOf(events)
  }

  /** With a proxy, the loss is examined as the proxy saw it: a client would have lost the request in the same way without a proxy. */
  examine(loss: LostEvent): Finding {
    const { through } = this.#plan
    if (through === null || loss.upstream?.end === 'answered') return this.#examine(suffered(loss))
    const hop = through === 'proxy' ? 'The proxy' : through
    if (loss.upstream === undefined) {
      const why = `${hop} ${told(loss)}, but none of its connections to a pod had ended at that time.`
      return { kind: 'not the scenario', life: undefined, why }
    }
    const { kind, life, why } = this.#examine(suffered(loss))
    return { kind, life, why: `${hop} ${told(loss)}, as ${why.replace(/^No pod/, 'no pod')}` }
  }

  #examine(loss: LostEvent): Finding {
    if (loss.pod === null) return this.#noEndpoint(loss)
    if (this.#plan.cluster !== null && !this.#lives.has(loss.pod)) return this.#unknownPod(loss)
    const life = this.#lifeOf(loss.pod, loss.t)
    if (life?.toldAt === undefined || loss.t < life.toldAt) return this.#undisturbed(loss, life)
    const { exitAt = Number.POSITIVE_INFINITY } = life
    const unreachable = loss.cause === 'refused' || (loss.cause === 'timeout' && loss.sentAt >= exitAt)
    const isTold = this.#plan.cluster === null
    if (unreachable) return refused(loss, life, isTold, this.#moment)
    // A loss with a status is not a cut, however soon the process ended after it.
    const answered = answerOf(loss) !== undefined
    if (loss.t >= exitAt - this.#moment && !answered) return this.#cut(loss, life)
    return alive(loss, life, isTold, this.#moment)
  }

  /** The container that lost the request. While a restarted container is not ready, losses are those of the container before. */
  #lifeOf(pod: string, t: number): Life | undefined {
    const lives = this.#lives.get(pod) ?? []
    return lives.findLast((life, index) => life.startedAt <= t && (index === 0 || (life.readyAt ?? Infinity) <= t))
  }

  #noEndpoint({ t }: LostEvent): Finding {
    const leaving = [...this.#lives.values()].flat().find((life) => isLeaving(life, t))
    if (leaving === undefined) {
      return { kind: 'no endpoint', life: undefined, why: 'No pod was known to clients at that moment.' }
    }
    const { pod, unreadyAt } = leaving
    const still =
      unreadyAt !== undefined && unreadyAt <= t
        ? `${pod} was still there, but said that it was not ready`
        : `${pod} was being ended, and clients did not know its replacement yet`
    return { kind: 'no endpoint', life: leaving, why: `No pod was known to clients at that moment: ${still}.` }
  }

  #unknownPod({ pod, cause, message, t }: LostEvent): Finding {
    const leaving = [...this.#lives.values()].flat().filter((life) => isLeaving(life, t))
    const names = leaving.map((life) => `${life.pod} had been told to end ${ms(t - (life.toldAt ?? t))} before`)
    const meanwhile = names.length === 0 ? 'No pod was being ended then' : names.join(', ')
    const why = `It is unknown which pod of ${pod} lost the request: ${cause} (${message}). ${meanwhile}.`
    return { kind: 'unknown pod', life: leaving[0], why }
  }

  #undisturbed(loss: LostEvent, life: Life | undefined): Finding {
    const { pod, cause, message, reused, sentAt, t } = loss
    if (life !== undefined && !life.old) {
      const since = life.readyAt === undefined ? '' : ` for ${ms(t - life.readyAt)}`
      const why = `${pod} had been ready by its probe${since}, but did not serve: ${cause} (${message}).`
      return { kind: 'not ready', life, why }
    }
    if (cause === 'reset' && reused) {
      const why = `${pod} closed a keep-alive connection ${ms(t - sentAt)} after the request was sent over it. Nobody had told it to end.`
      return { kind: 'keep-alive connection closed', life, why }
    }
    const when = t < this.#begunAt ? 'before anything was done to a pod' : 'while nobody did anything to this pod'
    return { kind: 'not the scenario', life, why: `${pod} lost it ${when}: ${cause} (${message}).` }
  }

  /** The connection ended with the process, or did not end because the pod's network was removed. */
  #cut(loss: LostEvent, life: Life): Finding {
    const { exitAt = 0, sigkillAt, exit, reason } = life
    const { pod, sentAt, t } = loss
    const inFlight = `${ms(Math.max(0, Math.min(t, exitAt) - sentAt))} after the request was sent`
    if (this.#plan.netns && t > exitAt + this.#moment) {
      const why = `${pod} had ended (${exit}) when the kernel still held bytes of the response; they went with its network.`
      return { kind: 'network gone', life, why }
    }
    if (reason === 'crash') return { kind: 'crash', life, why: `${pod} died without warning, ${inFlight}.` }
    if (sigkillAt !== undefined && t >= sigkillAt - this.#moment) {
      return { kind: 'killed', life, why: `SIGKILL ended ${pod} ${since(life, sigkillAt)}, ${inFlight}.` }
    }
    if (life.failed)
      return { kind: 'failed', life, why: `${pod} failed (${exit}) ${since(life, exitAt)}, ${inFlight}.` }
    return { kind: 'exit', life, why: `${pod} ended (${exit}) ${since(life, exitAt)}, ${inFlight}.` }
  }
}

/** What the proxy did to the client. */
function told({ cause, client }: LostEvent): string {
  if (cause.startsWith('status')) return `answered ${cause.slice(7)}`
  if (cause === 'timeout') return 'did not answer in time'
  if (cause === 'truncated') return 'ended the connection in the middle of an answer'
  return `ended the ${client === 'webSocket' ? 'WebSocket' : 'connection without an answer'}`
}

/** When something was first done to a pod. */
function beginOf(events: Iterable<RehearsalEvent>): number {
  for (const { type, t } of events) if (type === 'pod-deleted' || type === 'container-killed') return t
  return Number.POSITIVE_INFINITY
}

/** The longest delay of the kubelet's event loop, in ms. */
function heldUpOf(events: Iterable<RehearsalEvent>): number {
  for (const event of events) if (event.type === 'load-end') return event.eventLoopDelayMs ?? 0
  return 0
}

/**
 * The pod accepts no connections. `isTold`: whether the events say when clients knew; those of a real cluster do not. Events within
 * `moment` ms count as one.
 */
function refused(loss: LostEvent, life: Life, isTold: boolean, moment: number): Finding {
  const { pod, t } = loss
  const { exitAt = Number.POSITIVE_INFINITY, deafAt = t, exit, knownAt, reason } = life
  const closedAt = Math.min(deafAt, exitAt)
  const early =
    knownAt === undefined
      ? isTold
        ? 'and clients were never told'
        : 'and when clients knew is unknown'
      : knownAt > closedAt
        ? `${ms(knownAt - closedAt)} before the last client knew that it goes`
        : 'although every client could have known by then'
  if (reason === 'crash') return { kind: 'crash', life, why: `${pod} had died without warning, ${early}.` }
  const isGone = exitAt <= closedAt + moment
  if (isGone && life.failed) {
    return { kind: 'failed', life, why: `${pod} failed (${exit}) ${since(life, closedAt)}, ${early}.` }
  }
  const what = isGone ? `was gone (${exit})` : 'stopped listening'
  return { kind: 'listener closed', life, why: `${pod} ${what} ${since(life, closedAt)}, ${early}.${hookOf(life)}` }
}

/** Why the hook failed; empty if it did not. */
function hookOf({ hookOutcome, hookFailure }: Life): string {
  return hookOutcome === 'failed' && hookFailure !== undefined
    ? ` Its preStop hook had failed: ${hookFailure.split('\n', 1)[0]}.`
    : ''
}

/** The process was alive when the request was lost. */
function alive(loss: LostEvent, life: Life, isTold: boolean, moment: number): Finding {
  const { pod, cause, reused, sentAt, t } = loss
  const { deafAt, knownAt } = life
  const when = since(life, t)
  const answer = answerOf(loss)
  if (answer !== undefined) {
    const still = reused
      ? 'on a connection it had kept'
      : !isTold
        ? 'on a new connection'
        : knownAt === undefined || sentAt < knownAt
          ? 'while new connections still went to it'
          : 'on a connection from before clients knew'
    return { kind: 'refused by the app', life, why: `${pod} answered ${answer} ${when}, ${still}.` }
  }
  if (cause === 'timeout') {
    return { kind: 'no answer', life, why: `${pod} did not answer in time (${loss.message}); it was sent ${when}.` }
  }
  if (cause === 'reset' && reused) {
    return {
      kind: 'keep-alive connection closed',
      life,
      why: `${pod} closed a keep-alive connection ${when}, ${ms(t - sentAt)} after the request was sent over it.`,
    }
  }
  if (cause === 'reset' && deafAt !== undefined && Math.abs(deafAt - t) < moment) {
    return {
      kind: 'listener closed',
      life,
      why: `${pod} closed its listener ${when}, the connection still in its queue.`,
    }
  }
  return { kind: 'cut by the app', life, why: `${pod} ended the connection ${when}: ${loss.message}.` }
}

/** Whether a pod is being ended at the time `t`. */
function isLeaving({ toldAt, exitAt = Number.POSITIVE_INFINITY }: Life, t: number): boolean {
  return toldAt !== undefined && toldAt <= t && t <= exitAt
}

/** How long after the pod's last step (delete, hook, SIGTERM) the time `t` is, as a phrase. */
function since({ toldAt = 0, hookAt, hookEndedAt, sigtermAt, reason }: Life, t: number): string {
  if (sigtermAt !== undefined && t >= sigtermAt) return `${ms(t - sigtermAt)} after SIGTERM`
  if (hookEndedAt !== undefined && t >= hookEndedAt) return `${ms(t - hookEndedAt)} after its preStop hook`
  if (hookAt !== undefined && t >= hookAt) return `${ms(t - hookAt)} into its preStop hook`
  return `${ms(t - toldAt)} after ${reason === 'deleted' ? 'its deletion' : `the ${nameOf(reason)}`}`
}

/** Such as `80 ms` or `1.2 s`. */
function ms(duration: number): string {
  return duration < 1000 ? `${Math.round(duration)} ms` : `${(duration / 1000).toFixed(1)} s`
}
