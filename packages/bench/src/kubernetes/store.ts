import type { Clock } from '@podrain/core'
import { fieldsOf, type Kind, kinds, labelsOf, type ObjectOf } from './objects.js'

/**
 * Milliseconds for which an event is kept at least, so that a watch goes on from before it; and how many events in any case.
 * Those of the watch cache of kube-apiserver (`DefaultEventFreshDuration` and `defaultLowerBoundCapacity`).
 */
const [fresh, fewest] = [75_000, 100]

/** Versions are etcd's, so each write makes them grow, wherever it is: in milliseconds from one of others' to the next. */
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

/** What the API server has in its watch cache: the objects, and what has happened to them lately. */
export class Store {
  readonly #clock: Clock
  readonly #begun: number
  readonly #objects = new Map<Kind, Map<string, Stored>>()
  readonly #history = new Map<Kind, StoreEvent[]>()
  /** From before that version nobody goes on. */
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

  /** What has happened since that version; undefined if that is not known any more. */
  since(kind: Kind, version: number): StoreEvent[] | undefined {
    if (version < (this.#oldest.get(kind) ?? 0)) return undefined
    return this.#historyOf(kind).filter(({ stored }) => stored.version > version)
  }

  /** The server has started anew: it knows what there is, and nothing of what has happened. */
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
    // Many at once, as taking them away one by one takes as long as there are others.
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

/** Its fields in JSON, without the braces: lists leave out what kind each of their items is. */
export function fieldsIn(stored: Stored): string {
  let text = written.get(stored)
  if (text === undefined) {
    // The kind says which object it is, which the compiler does not follow.
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
