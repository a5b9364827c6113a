import type { Clock } from '@podrain/core'
import { fieldsOf, type Kind, kinds, labelsOf, type ObjectOf } from './objects.js'

/**
 * For how many milliseconds an event is kept at least, so that a watch can continue from a version before it; and how many events are
 * kept in any case. Both as in the watch cache of kube-apiserver (`DefaultEventFreshDuration`, `defaultLowerBoundCapacity`).
 */
const [fresh, fewest] = [75_000, 100]

/** Milliseconds between two writes elsewhere in the cluster. Resource versions are revisions of etcd, so each write raises them. */
const elsewhere = 100

/** An object at one version. */
export interface Stored<K extends Kind = Kind> {
  readonly kind: K
  readonly name: string
  readonly version: number
  readonly labels: Readonly<Record<string, string>>
  readonly object: ObjectOf[K]
}

export type EventType = 'ADDED' | 'MODIFIED' | 'DELETED'

export interface StoreEvent {
  readonly type: EventType
  readonly stored: Stored
  readonly at: number
}

/** The watch cache of the API server: the objects, and their latest events. */
export class Store {
  readonly #clock: Clock
  readonly #begun: number
  readonly #objects = new Map<Kind, Map<string, Stored>>()
  readonly #history = new Map<Kind, StoreEvent[]>()
  /** The oldest version from which a watch can continue. */
  readonly #oldest = new Map<Kind, number>()
  readonly #listeners: ((event: StoreEvent) => void)[] = []
  #writes = 1000

  constructor(clock: Clock) {
    this.#clock = clock
    this.#begun = clock.now()
    for (const kind of Object.keys(kinds) as Kind[]) {
      this.#objects.set(kind, new Map())
      this.#history.set(kind, [])
    }
  }

  /** The newest version. */
  get version(): number {
    return this.#writes + Math.floor((this.#clock.now() - this.#begun) / elsewhere)
  }

  onEvent(listener: (event: StoreEvent) => void): void {
    this.#listeners.push(listener)
  }

  all(kind: Kind): Iterable<Stored> {
    return this.#objectsOf(kind).values()
  }

  get<K extends Kind>(kind: K, name: string): Stored<K> | undefined {
    return this.#objectsOf(kind).get(name) as Stored<K> | undefined
  }

  put<K extends Kind>(kind: K, name: string, object: ObjectOf[K]): Stored<K> {
    const type = this.#objectsOf(kind).has(name) ? 'MODIFIED' : 'ADDED'
    const stored = { kind, name, version: this.#next(), labels: labelsOf[kind](object), object }
    this.#objectsOf(kind).set(name, stored)
    this.#tell({ type, stored, at: this.#clock.now() })
    return stored
  }

  delete(kind: Kind, name: string): void {
    const last = this.#objectsOf(kind).get(name)
    if (!last) return
    this.#objectsOf(kind).delete(name)
    this.#tell({ type: 'DELETED', stored: { ...last, version: this.#next() }, at: this.#clock.now() })
  }

  /** The events since a version; undefined if the oldest of them are gone. */
  since(kind: Kind, version: number): StoreEvent[] | undefined {
    if (version < (this.#oldest.get(kind) ?? 0)) return undefined
    return this.#historyOf(kind).filter(({ stored }) => stored.version > version)
  }

  /** Restarts the server: it has the objects, and no events from before. */
  restart(): void {
    for (const kind of this.#history.keys()) {
      this.#history.set(kind, [])
      this.#oldest.set(kind, this.version)
    }
  }

  #next(): number {
    this.#writes++
    return this.version
  }

  #tell(event: StoreEvent): void {
    const { kind } = event.stored
    const history = this.#historyOf(kind)
    history.push(event)
    const stale = history.findIndex(({ at }) => at > event.at - fresh)
    // Removes many events at once, because each removal takes time in proportion to the number of events.
    if (stale > fewest && history.length - stale > fewest) {
      const gone = history.splice(0, stale)
      this.#oldest.set(kind, gone.at(-1)?.stored.version ?? 0)
    }
    for (const listener of this.#listeners) listener(event)
  }

  #objectsOf(kind: Kind): Map<string, Stored> {
    return this.#objects.get(kind) as Map<string, Stored>
  }

  #historyOf(kind: Kind): StoreEvent[] {
    return this.#history.get(kind) as StoreEvent[]
  }
}

const written = new WeakMap<Stored, string>()

/** The fields of an object in JSON, without the braces and without `kind`, because the items of a list have no `kind`. */
export function fieldsIn(stored: Stored): string {
  let text = written.get(stored)
  if (text === undefined) {
    // The kind determines the type of the object, which the compiler does not infer.
    const fields = (fieldsOf[stored.kind] as (object: unknown, version: number) => object)(
      stored.object,
      stored.version,
    )
    text = JSON.stringify(fields).slice(1, -1)
    written.set(stored, text)
  }
  return text
}

/** The whole object in JSON. */
export function jsonOf(stored: Stored): string {
  const { kind, apiVersion } = kinds[stored.kind]
  return `{"kind":"${kind}","apiVersion":"${apiVersion}",${fieldsIn(stored)}}`
}
