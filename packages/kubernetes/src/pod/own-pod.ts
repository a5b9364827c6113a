import type { Drain } from '@podrain/core'
import { listIn, type Pod, type WatchEvent } from '../api/objects.js'

/** The smallest difference that counts, in milliseconds. Both compared times are in whole seconds. */
const clockTolerance = 1500

/** This pod as the API shows it: whether it is deleted, and its grace period. */
export class OwnPod {
  readonly #drain: Drain
  readonly name: string
  #uid: string | undefined
  #ready: boolean | undefined
  #labels: Readonly<Record<string, string>> = {}
  #grace: number | undefined
  /** The last time at which the pod was known not to be deleted. The process itself has started before the deletion. */
  #aliveAt: number

  constructor(drain: Drain, name: string) {
    this.#drain = drain
    this.name = name
    this.#aliveAt = drain.clock.now()
  }

  /** undefined until the first event. */
  get uid(): string | undefined {
    return this.#uid
  }

  /** The labels of the pod, as of the last event. */
  get labels(): Readonly<Record<string, string>> {
    return this.#labels
  }

  get deleted(): boolean {
    return this.#grace !== undefined
  }

  /** The condition `Ready` of the pod. undefined if it is not known. */
  get ready(): boolean | undefined {
    return this.#ready
  }

  /** @param now The server's time, as in `WatchOptions.onEvent`. */
  handle({ type, object }: WatchEvent, now: number | undefined): void {
    // A bookmark comes after all events so far.
    if (type === 'BOOKMARK') this.alive()
    else if (type === 'DELETED') this.#removed(object)
    else this.#read(object, now)
  }

  /** Called when the API has just shown that the pod is not deleted. Does nothing after a deletion. */
  alive(): void {
    if (!this.deleted) this.#aliveAt = this.#drain.clock.now()
  }

  #read({ metadata, status }: Pod, now: number | undefined): void {
    if (metadata.name !== this.name) return
    // A later pod of a StatefulSet has the same name, and another uid.
    this.#uid ??= metadata.uid
    if (metadata.uid !== this.#uid) return
    const condition = listIn(status?.conditions).find((each) => each?.type === 'Ready')
    if (condition) this.#ready = condition.status === 'True'
    this.#labels = metadata.labels ?? {}
    const { deletionTimestamp, deletionGracePeriodSeconds: seconds } = metadata
    // An event that may be old does not show that the pod is not deleted now.
    if (deletionTimestamp === undefined && now === undefined) this.alive()
    if (typeof deletionTimestamp !== 'string' || typeof seconds !== 'number' || !(seconds >= 0)) return
    const grace = seconds * 1000
    // `deletionTimestamp` is the end of the grace period, not its beginning.
    const ago = now === undefined ? 0 : now - (Date.parse(deletionTimestamp) - grace)
    // If the whole grace period seems to be over, the clocks of two API servers differ, and the age is not known.
    const known = ago > clockTolerance && ago < grace ? ago : 0
    this.#setGrace(grace, Math.min(known, this.#drain.clock.now() - this.#aliveAt))
  }

  /** Called when the pod object is gone. Without a deletion before, the pod was deleted by force, so the grace period is 0. */
  #removed({ metadata }: Pod): void {
    if (this.#uid !== undefined && metadata.uid === this.#uid && !this.deleted) this.#setGrace(0, 0)
  }

  #setGrace(gracePeriod: number, ago: number): void {
    // A second deletion can only shorten the grace period.
    if (this.#grace !== undefined && gracePeriod >= this.#grace) return
    this.#grace = gracePeriod
    this.#drain.terminating({ gracePeriod, ago })
  }
}
