import type { Drain, Vacancy } from '@podrain/core'
import { type Api, ApiError, Stopped } from '../api/api.js'
import type { KubernetesObject, WatchEvent } from '../api/objects.js'
import { between, Pauses } from '../api/pauses.js'
import { Watch } from '../api/watch.js'
import { type Turn, turnOf } from './eviction.js'

/**
 * Milliseconds from one sign of life to the next. After 20 minutes without one the API passes the eviction on; KEP-4563 thinks of
 * three minutes, and refuses what comes more often than once a minute.
 */
const beat = { least: 150_000, most: 180_000 } as const
/** Milliseconds within which the first one is given: the pods of a node are asked to go at the same time. */
const firstWithin = 1000
/** Characters of a message, at most. */
const longestMessage = 4000

export interface EvictionResponderOptions {
  readonly drain: Drain
  readonly api: Api
  /** The own pod; its `uid` is undefined until it is known. */
  readonly pod: { readonly uid: string | undefined }
  readonly namespace: string
  /** The name in `spec.evictionResponders`. */
  readonly responder: string
  readonly onSuccess: () => void
  readonly onFailure: (error: Error) => void
}

/**
 * The pod as its own responder to Evictions. When it is its turn, it makes itself free, however long that takes, says now and then
 * that it is at it, and in the end that it is done; whoever is next, at the latest Kubernetes itself, evicts it then. If the
 * eviction is canceled, it serves again. It deletes nothing itself, so that PodDisruptionBudgets are kept to.
 * https://github.com/kubernetes/enhancements/blob/master/keps/sig-node/4563-eviction-request-api/README.md
 */
export class EvictionResponder {
  readonly #on: EvictionResponderOptions
  readonly #path: string
  readonly #watch: Watch
  readonly #pauses: Pauses
  /** By the name of the Eviction. One for another pod of this responder is not kept. */
  readonly #turns = new Map<string, Turn>()
  /** The Eviction that the pod makes itself free for. */
  #attended: Turn | undefined
  #vacancy: Vacancy | undefined
  #isVacated = false
  #speaking = false
  #cancel: () => void = () => {}
  /** What the server's clock says, less what ours says; undefined until it is known. */
  #ahead: number | undefined

  constructor(options: EvictionResponderOptions) {
    this.#on = options
    const { api, drain, namespace, responder, onSuccess, onFailure } = options
    this.#path = `/apis/lifecycle.k8s.io/v1alpha1/namespaces/${namespace}/evictions`
    this.#pauses = new Pauses(drain.clock)
    this.#watch = new Watch({
      api,
      drain,
      path: this.#path,
      // The API marks an Eviction with the names of its responders.
      selector: { labelSelector: responder },
      onEvent: (event, now) => this.#hear(event, now),
      onSteady: onSuccess,
      onFailure,
    })
  }

  start(): void {
    void this.#watch.run()
  }

  drain(): void {
    this.#watch.drain()
    this.#pauses.drain()
  }

  /** The pod serves again. If no signal followed a drain that the responder had joined, the Eviction still stands. */
  serve(): void {
    this.#watch.serve()
    this.#pauses.serve()
    // Not at once: the drain that has ended releases all who wait for it, in this turn.
    queueMicrotask(() => {
      if (this.#attended) this.#attend(this.#attended)
    })
  }

  stop(): void {
    this.#attended = undefined
    this.#cancel()
    this.#watch.stop()
    this.#pauses.stop()
  }

  /** The pod's uid may be known now. */
  podChanged(): void {
    const { uid } = this.#on.pod
    if (uid === undefined) return
    for (const { name, podUid } of this.#turns.values()) if (podUid !== uid) this.#turns.delete(name)
    this.#decide()
  }

  #hear({ type, object }: WatchEvent, now: number | undefined): void {
    if (now !== undefined) this.#ahead = now - this.#on.drain.clock.now()
    if (type === 'BOOKMARK') return
    const { name = '' } = object.metadata
    if (type === 'DELETED') this.#turns.delete(name)
    else this.#see(object)
    this.#decide()
  }

  #see(object: KubernetesObject): void {
    const turn = turnOf(object, this.#on.responder)
    const { uid } = this.#on.pod
    if (turn.podUid !== undefined && (uid === undefined || uid === turn.podUid)) this.#turns.set(turn.name, turn)
  }

  #decide(): void {
    if (this.#on.pod.uid === undefined) return
    const attended = this.#attended
    if (attended) {
      const turn = this.#turns.get(attended.name)
      // Once begun it goes on when the turn has passed: the pod is still to go.
      if (turn && turn.uid === attended.uid && turn.turn !== 'none') this.#attended = turn
      else this.#leave()
    }
    if (this.#attended) return
    const next = [...this.#turns.values()].find(({ turn }) => turn === 'now')
    if (next) this.#attend(next)
  }

  #attend(turn: Turn): void {
    this.#attended = turn
    this.#isVacated = false
    const vacancy = this.#on.drain.vacate(`the Eviction ${turn.name}`)
    this.#vacancy = vacancy
    void vacancy.vacated.then((isVacated) => {
      if (this.#vacancy !== vacancy || !isVacated) return
      this.#isVacated = true
      this.#speakIn(0)
    })
    this.#speakIn(between(0, firstWithin))
  }

  #leave(): void {
    const vacancy = this.#vacancy
    this.#attended = undefined
    this.#vacancy = undefined
    this.#cancel()
    vacancy?.undo()
  }

  #speakIn(ms: number): void {
    this.#cancel()
    if (!this.#speaking) this.#cancel = this.#on.drain.clock.after(ms, () => void this.#speak())
  }

  /** Says how far it is; when that is said, looks whether the Eviction is still there, as a watch can be dead without a word. */
  async #speak(): Promise<void> {
    const { api, onFailure } = this.#on
    const spokenOf = this.#attended
    if (!spokenOf) return
    const isVacated = this.#isVacated
    this.#speaking = true
    let pause = between(beat.least, beat.most)
    try {
      if (spokenOf.turn === 'past' || spokenOf.completed) {
        this.#see((await api.get(`${this.#path}/${spokenOf.name}`, {})) as KubernetesObject)
      } else {
        await this.#say(spokenOf, isVacated)
        if (isVacated) this.#turns.set(spokenOf.name, { ...spokenOf, completed: true })
      }
      this.#pauses.succeeded()
    } catch (error) {
      if (error instanceof Stopped) return
      if (error instanceof ApiError && error.status === 404) this.#turns.delete(spokenOf.name)
      else {
        onFailure(error as Error)
        pause = this.#pauses.after(error)
      }
    } finally {
      this.#speaking = false
    }
    this.#decide()
    if (this.#attended) this.#speakIn(this.#isVacated && !isVacated ? 0 : pause)
  }

  async #say({ name, uid }: Turn, isVacated: boolean): Promise<void> {
    const { api, drain, responder } = this.#on
    const time = this.#time()
    const said = isVacated
      ? { completionTime: time, message: 'podrain: clients have left, requests and tasks have finished' }
      : { heartbeatTime: time, message: messageOf(drain).slice(0, longestMessage) }
    // With its uid: the next Eviction may have the same name.
    const body = { metadata: { uid }, status: { responders: [{ name: responder, ...said }] } }
    await api.patch(`${this.#path}/${name}/status`, body, 'strategic-merge')
  }

  /** In whole seconds, as the API has it; by its own clock, as far as that is known. */
  #time(): string {
    const now = this.#ahead === undefined ? Date.now() : this.#on.drain.clock.now() + this.#ahead
    return new Date(now).toISOString().replace(/\.\d+Z$/, 'Z')
  }
}

function messageOf(drain: Drain): string {
  const { inFlight, tasks } = drain.status()
  const requests = `${inFlight} request${inFlight === 1 ? '' : 's'} in flight`
  return `podrain: ${tasks.length === 0 ? requests : `${requests}; tasks: ${tasks.join(', ')}`}`
}
