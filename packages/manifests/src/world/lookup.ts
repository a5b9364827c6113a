import { addTo } from '../shared/lists.js'

/**
 * An index of items by name and namespace, so that a search need not compare all of them. An item without a namespace may be in any.
 */
export class Lookup<Item> {
  readonly #all = new Map<string, Item[]>()
  readonly #byNamespace = new Map<string, Item[]>()

  add(namespace: string | undefined, name: string, item: Item): void {
    addTo(this.#all, name, item)
    addTo(this.#byNamespace, keyOf(namespace, name), item)
  }

  /** The items with this name that may be in the namespace. Those that name the namespace come first. */
  get(namespace: string | undefined, name: string): readonly Item[] {
    if (namespace === undefined) return this.#all.get(name) ?? none
    const own = this.#byNamespace.get(keyOf(namespace, name)) ?? none
    const anywhere = this.#byNamespace.get(keyOf(undefined, name)) ?? none
    return anywhere.length === 0 ? own : own.length === 0 ? anywhere : [...own, ...anywhere]
  }

  /** The number of items that {@link get} returns. */
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
