import type { Drain, Vacancy } from '@podrain/core'
import { type Api, ApiError, Stopped } from '../api/api.js'
import { Backoff, randomBetween } from '../api/backoff.js'
import type { KubernetesObject, WatchEvent } from '../api/objects.js'
import { Watch } from '../api/watch.js'
import { type Turn, turnOf } from './eviction.js'

/**
 * Milliseconds from one heartbeat to the next. After 20 minutes without a heartbeat, Kubernetes goes on with the next responder.
 * KEP-4563 recommends three minutes, and refuses heartbeats that come more often than once a minute.
 */
const heartbeat = { least: 150_000, most: 180_000 } as const
/** The longest pause before the first heartbeat, in milliseconds. All pods of a node may get their Evictions at the same time. */
const firstHeartbeatWithin = 1000
/** The longest message, in characters. */
const longestMessage = 4000

export interface EvictionResponderOptions {
  readonly drain: Drain
  readonly api: Api
  /** This pod. Its `uid` is undefined until it is known. */
  readonly pod: { readonly uid: string | undefined }
  readonly namespace: string
  /** The name in `spec.evictionResponders`. */
  readonly responder: string
  readonly onSuccess: () => void
  readonly onFailure: (error: Error) => void
}

/**
 * Responds to Evictions of this pod. When it is the responder's turn, the pod drains tentatively (`Drain.vacate`), for as long as that
 * takes. The responder reports the progress by heartbeats, and at the end that the pod may go. The next responder then evicts the pod.
 * The last responder is Kubernetes itself. If the eviction is canceled, the pod serves again. This responder does not delete the pod,
 * so that PodDisruptionBudgets apply.
 * https://github.com/kubernetes/enhancements/blob/master/keps/sig-node/4563-eviction-request-api/README.md
 */
export class EvictionResponder {
  readonly #options: EvictionResponderOptions
  readonly #path: string
  readonly #watch: Watch
  readonly #backoff: Backoff
  /** The Evictions of this pod, by name. Evictions of other pods with the same responder are not kept. */
  readonly #turns = new Map<string, Turn>()
  /** The Eviction for which the pod drains. */
  #attended: Turn | undefined
  #vacancy: Vacancy | undefined
  #isVacated = false
  #reporting = false
  #cancel: () => void = () => {}
  /** The server's time minus the time of our clock. undefined until the server's time is known. */
  #clockOffset: number | undefined

  constructor(options: EvictionResponderOptions) {
    this.#options = options
    const { api, drain, namespace, responder, onSuccess, onFailure } = options
    this.#path = `/apis/lifecycle.k8s.io/v1alpha1/namespaces/${namespace}/evictions`
    this.#backoff = new Backoff(drain.clock)
    this.#watch = new Watch({
      api,
      drain,
      path: this.#path,
      // The API adds a label for each responder to an Eviction.
      selector: { labelSelector: responder },
      onEvent: (event, now) => this.#onEvent(event, now),
      onSteady: onSuccess,
      onFailure,
    })
  }

  start(): void {
    void this.#watch.run()
  }

  drain(): void {
    this.#watch.drain()
    this.#backoff.drain()
  }

  /** Called when the pod serves again. If that was because no signal had followed a drain, the Eviction is still in force. */
  serve(): void {
    this.#watch.serve()
    this.#backoff.serve()
    // In a microtask, because the drain that has been undone first resolves the promises of its callers.
    queueMicrotask(() => {
      if (this.#attended) this.#attend(this.#attended)
    })
  }

  stop(): void {
    this.#attended = undefined
    this.#cancel()
    this.#watch.stop()
    this.#backoff.stop()
  }

  /** Called when the pod has changed. Its uid may be known now. */
  podChanged(): void {
    const { uid } = this.#options.pod
    if (uid === undefined) return
    for (const { name, podUid } of this.#turns.values()) if (podUid !== uid) this.#turns.delete(name)
    this.#decide()
  }

  #onEvent({ type, object }: WatchEvent, now: number | undefined): void {
    if (now !== undefined) this.#clockOffset = now - this.#options.drain.clock.now()
    if (type === 'BOOKMARK') return
    const { name = '' } = object.metadata
    if (type === 'DELETED') this.#turns.delete(name)
    else this.#read(object)
    this.#decide()
  }

  #read(object: KubernetesObject): void {
    const turn = turnOf(object, this.#options.responder)
    const { uid } = this.#options.pod
    if (turn.podUid !== undefined && (uid === undefined || uid === turn.podUid)) this.#turns.set(turn.name, turn)
  }

  #decide(): void {
    if (this.#options.pod.uid === undefined) return
    const attended = this.#attended
    if (attended) {
      const turn = this.#turns.get(attended.name)
      // A drain that has begun goes on when the responder's turn is over, because the pod will still be evicted.
      if (turn && turn.uid === attended.uid && turn.turn !== 'none') this.#attended = turn
      else this.#abandon()
    }
    if (this.#attended) return
    const next = [...this.#turns.values()].find(({ turn }) => turn === 'now')
    if (next) this.#attend(next)
  }

  #attend(turn: Turn): void {
    this.#attended = turn
    this.#isVacated = false
    const vacancy = this.#options.drain.vacate(`the Eviction ${turn.name}`)
    this.#vacancy = vacancy
    void vacancy.vacated.then((isVacated) => {
      if (this.#vacancy !== vacancy || !isVacated) return
      this.#isVacated = true
      this.#reportIn(0)
    })
    this.#reportIn(randomBetween(0, firstHeartbeatWithin))
  }

  #abandon(): void {
    const vacancy = this.#vacancy
    this.#attended = undefined
    this.#vacancy = undefined
    this.#cancel()
    vacancy?.undo()
  }

  #reportIn(ms: number): void {
    this.#cancel()
    if (!this.#reporting) this.#cancel = this.#options.drain.clock.after(ms, () => void this.#report())
  }

  /**
   * Sends a heartbeat, or the end. When the turn is over, asks for the Eviction in place of that: the watch may be dead without an
   * error, and the Eviction may be gone.
   */
  async #report(): Promise<void> {
    const { api, onFailure } = this.#options
    const eviction = this.#attended
    if (!eviction) return
    const isVacated = this.#isVacated
    this.#reporting = true
    let pause = randomBetween(heartbeat.least, heartbeat.most)
    try {
      if (eviction.turn === 'past' || eviction.completed) {
        this.#read((await api.get(`${this.#path}/${eviction.name}`, {})) as KubernetesObject)
      } else {
        await this.#send(eviction, isVacated)
        if (isVacated) this.#turns.set(eviction.name, { ...eviction, completed: true })
      }
      this.#backoff.succeeded()
    } catch (error) {
      if (error instanceof Stopped) return
      if (error instanceof ApiError && error.status === 404) this.#turns.delete(eviction.name)
      else {
        onFailure(error as Error)
        pause = this.#backoff.after(error)
      }
    } finally {
      this.#reporting = false
    }
    this.#decide()
    if (this.#attended) this.#reportIn(this.#isVacated && !isVacated ? 0 : pause)
  }

  async #send({ name, uid }: Turn, isVacated: boolean): Promise<void> {
    const { api, drain, responder } = this.#options
    const time = this.#time()
    const said = isVacated
      ? { completionTime: time, message: 'podrain: clients have left, requests and tasks have finished' }
      : { heartbeatTime: time, message: messageOf(drain).slice(0, longestMessage) }
    // With the uid, the API refuses to write to a later Eviction of the same name.
    const body = { metadata: { uid }, status: { responders: [{ name: responder, ...said }] } }
    await api.patch(`${this.#path}/${name}/status`, body, 'strategic-merge')
  }

  /** The present time in whole seconds, as the API writes times. By the server's clock, if that is known. */
  #time(): string {
    const now = this.#clockOffset === undefined ? Date.now() : this.#options.drain.clock.now() + this.#clockOffset
    return new Date(now).toISOString().replace(/\.\d+Z$/, 'Z')
  }
}

function messageOf(drain: Drain): string {
  const { inFlight, tasks } = drain.status()
  const requests = `${inFlight} request${inFlight === 1 ? '' : 's'} in flight`
  return `podrain: ${tasks.length === 0 ? requests : `${requests}; tasks: ${tasks.join(', ')}`}`
}
