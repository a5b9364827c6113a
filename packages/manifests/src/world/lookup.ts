import { addTo } from '../shared/lists.js'

/**
 * Items by the name that others know them by, and by namespace: what says no namespace may be in each. So nobody has to go
 * through all of them to find some.
 */
export class Lookup<Item> {
  readonly #all = new Map<string, Item[]>()
  readonly #byNamespace = new Map<string, Item[]>()

  add(namespace: string | undefined, name: string, item: Item): void {
    addTo(this.#all, name, item)
    addTo(this.#byNamespace, keyOf(namespace, name), item)
  }

  /** All that may be in that namespace, those first that say so. */
  get(namespace: string | undefined, name: string): readonly Item[] {
    if (namespace === undefined) return this.#all.get(name) ?? none
    const own = this.#byNamespace.get(keyOf(namespace, name)) ?? none
    const anywhere = this.#byNamespace.get(keyOf(undefined, name)) ?? none
    return anywhere.length === 0 ? own : own.length === 0 ? anywhere : [...own, ...anywhere]
  }

  /** How many these are. */
  count(namespace: string | undefined, name: string): number {
    if (namespace === undefined) return this.#all.get(name)?.length ?? 0
    const [own, anywhere] = [namespace, undefined].map((each) => this.#byNamespace.get(keyOf(each, name))?.length ?? 0)
    return (own ?? 0) + (anywhere ?? 0)
  }
}

const none: readonly never[] = []

function keyOf(namespace: string | undefined, name: string): string {
  return `${namespace ?? ''}/${name}`
}
