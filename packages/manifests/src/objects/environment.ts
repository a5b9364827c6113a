import type { Place } from '../text/place.js'
import { textOf } from './resource.js'

/**
 * `$(NAME)` and `$$`, as the kubelet reads them in `command`, `args` and the values of `env`. In the command of a hook it reads
 * nothing (kubernetes#129502).
 * Source: https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
 */
const reference = /\$\$|\$\(([A-Za-z_][\w.-]*)\)/g

/** Variables that every container has of the Services of its namespace. */
const ofServices = /^(KUBERNETES_|.*_SERVICE_(HOST|PORT)(_\w+)?$|.*_PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?$)/

/** A name that a text refers to, and nobody fills in. */
export interface Unfilled {
  readonly name: string
  /** The entry that says it further down, if one does. */
  readonly later: Place | undefined
}

/** The variables of a container, as far as its manifest says. */
export class Environment {
  readonly entries: readonly Place[]
  /** Whether there are others, whose names are elsewhere. */
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
      // One of those above; what is not among them stays as it is written.
      this.#texts.set(name, isElsewhere ? undefined : this.expand(value ?? ''))
    }
  }

  /** Each once. */
  get names(): readonly string[] {
    return [...this.#last.keys()]
  }

  /** The entry of a name; of several the last. */
  get(name: string): Place | undefined {
    return this.#last.get(name)
  }

  /** What a variable says; undefined if only the cluster or the image knows. */
  text(name: string): string | undefined {
    return this.#texts.get(name)
  }

  /** A text with its `$(NAME)` filled in where they are known. */
  expand(text: string): string {
    return text.replace(reference, (written, name?: string) =>
      name === undefined ? '$' : (this.#texts.get(name) ?? written),
    )
  }

  /** The names that a text refers to and that nobody fills in; `before` is the entry that the text is the value of. */
  unfilledIn(text: string, before?: Place): Unfilled[] {
    // Those of `envFrom` are filled in as well.
    if (this.hasOthers) return []
    const known = before === undefined ? this.entries : this.entries.slice(0, this.entries.indexOf(before))
    return [...text.matchAll(reference)].flatMap(([, name]) => {
      if (name === undefined || ofServices.test(name)) return []
      if (known.some((entry) => entry.get('name').text === name)) return []
      return [{ name, later: before === undefined ? undefined : this.#last.get(name) }]
    })
  }
}
