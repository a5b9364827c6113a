import type { Drain } from '@podrain/core'
import { listIn, type Pod, type WatchEvent } from '../api/objects.js'

/** Both times that are compared have whole seconds: what is less is nothing. */
const grain = 1500

/** The pod itself: that it is deleted, and how much time it has been given. */
export class OwnPod {
  readonly #drain: Drain
  readonly name: string
  #uid: string | undefined
  #ready: boolean | undefined
  #labels: Readonly<Record<string, string>> = {}
  #grace: number | undefined
  /** When it was last known not to be deleted; its process was started before it was. */
  #aliveAt: number

  constructor(drain: Drain, name: string) {
    this.#drain = drain
    this.name = name
    this.#aliveAt = drain.clock.now()
  }

  /** Undefined until the API has told it. */
  get uid(): string | undefined {
    return this.#uid
  }

  /** Its labels, as they were last told. */
  get labels(): Readonly<Record<string, string>> {
    return this.#labels
  }

  get deleted(): boolean {
    return this.#grace !== undefined
  }

  /** Whether the kubelet has found it ready; undefined if nothing is known of that. */
  get ready(): boolean | undefined {
    return this.#ready
  }

  /** @param now the server's time */
  hear({ type, object }: WatchEvent, now: number | undefined): void {
    // A bookmark comes when all there was has been told.
    if (type === 'BOOKMARK') this.alive()
    else if (type === 'DELETED') this.#removed(object)
    else this.#see(object, now)
  }

  /** The pod has just been known not to be deleted, unless that was told. */
  alive(): void {
    if (!this.deleted) this.#aliveAt = this.#drain.clock.now()
  }

  #see({ metadata, status }: Pod, now: number | undefined): void {
    if (metadata.name !== this.name) return
    // A pod of a StatefulSet leaves its name to the next one.
    this.#uid ??= metadata.uid
    if (metadata.uid !== this.#uid) return
    const condition = listIn(status?.conditions).find((each) => each?.type === 'Ready')
    if (condition) this.#ready = condition.status === 'True'
    this.#labels = metadata.labels ?? {}
    const { deletionTimestamp, deletionGracePeriodSeconds: seconds } = metadata
    // What comes with the server's time may be from before the deletion.
    if (deletionTimestamp === undefined && now === undefined) this.alive()
    if (typeof deletionTimestamp !== 'string' || typeof seconds !== 'number' || !(seconds >= 0)) return
    const grace = seconds * 1000
    // The timestamp is when the time is up, not when it began.
    const ago = now === undefined ? 0 : now - (Date.parse(deletionTimestamp) - grace)
    // More than all of it cannot be: then two servers' clocks differ, and nothing is known.
    const known = ago > grain && ago < grace ? ago : 0
    this.#told(grace, Math.min(known, this.#drain.clock.now() - this.#aliveAt))
  }

  /** Gone, and never told to go: somebody has forced it. The kubelet makes short work of it. */
  #removed({ metadata }: Pod): void {
    if (this.#uid !== undefined && metadata.uid === this.#uid && !this.deleted) this.#told(0, 0)
  }

  #told(gracePeriod: number, ago: number): void {
    // A second deletion can only make it less.
    if (this.#grace !== undefined && gracePeriod >= this.#grace) return
    this.#grace = gracePeriod
    this.#drain.terminating({ gracePeriod, ago })
  }
}
