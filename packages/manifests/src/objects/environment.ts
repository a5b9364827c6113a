import type { Place } from '../text/place.js'
import { textOf } from './resource.js'

/**
 * `$(NAME)` and `$$`, which the kubelet replaces in `command`, `args` and the values of `env`. In the command of a hook it replaces
 * nothing (kubernetes#129502).
 * Source: https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
 */
const reference = /\$\$|\$\(([A-Za-z_][\w.-]*)\)/g

/** Variables that every container gets for the Services of its namespace. */
const ofServices = /^(KUBERNETES_|.*_SERVICE_(HOST|PORT)(_\w+)?$|.*_PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?$)/

/** A reference to a variable that the kubelet does not replace. */
export interface Unfilled {
  readonly name: string
  /** The entry further down that defines the variable, if there is one. */
  readonly later: Place | undefined
}

/** The variables of a container, as far as the manifest contains them. */
export class Environment {
  readonly entries: readonly Place[]
  /** Whether there are variables from `envFrom`, whose names are in other objects. */
  readonly hasOthers: boolean
  readonly #texts = new Map<string, string | undefined>()
  readonly #last = new Map<string, Place>()

  constructor(container: Place) {
    this.entries = container.get('env').items
    this.hasOthers = container.get('envFrom').items.length > 0
    for (const entry of this.entries) {
      const name = entry.get('name').text
      if (name === undefined) continue
      this.#last.set(name, entry)
      const value = textOf(entry.get('value'))
      const isElsewhere = entry.get('valueFrom').exists || value?.includes('${') === true
      // Only variables above the entry are replaced.
      this.#texts.set(name, isElsewhere ? undefined : this.expand(value ?? ''))
    }
  }

  /** The names, without duplicates. */
  get names(): readonly string[] {
    return [...this.#last.keys()]
  }

  /** The entry with this name; the last one if there are several. */
  get(name: string): Place | undefined {
    return this.#last.get(name)
  }

  /** The value of a variable; undefined if it comes from the cluster or the image. */
  text(name: string): string | undefined {
    return this.#texts.get(name)
  }

  /** A text with each `$(NAME)` replaced whose value is known. */
  expand(text: string): string {
    return text.replace(reference, (written, name?: string) =>
      name === undefined ? '$' : (this.#texts.get(name) ?? written),
    )
  }

  /** The references in a text that the kubelet does not replace. `before`: the entry whose value the text is. */
  unfilledIn(text: string, before?: Place): Unfilled[] {
    // Variables from `envFrom` are replaced too, and their names are unknown here.
    if (this.hasOthers) return []
    const known = before === undefined ? this.entries : this.entries.slice(0, this.entries.indexOf(before))
    return [...text.matchAll(reference)].flatMap(([, name]) => {
      if (name === undefined || ofServices.test(name)) return []
      if (known.some((entry) => entry.get('name').text === name)) return []
      return [{ name, later: before === undefined ? undefined : this.#last.get(name) }]
    })
  }
}
