import { flatten, type Resource } from '../objects/resource.js'
import { addTo } from '../shared/lists.js'
import { Place } from '../text/place.js'
import type { Manifest } from '../text/source.js'
import type { Draft } from './draft.js'
import { type Part, textAt } from './graft.js'
import { isRemote, type Kustomization, type Patch } from './kustomization.js'
import { patched } from './patch.js'
import { annotated, inNamespace, labelled, renamed, withImages, withReplicas } from './transform.js'
import { unfold } from './unfold.js'

/** The build of a kustomization. */
export interface Build {
  readonly resources: readonly Resource[]
  /** The files that are part of the build. */
  readonly files: ReadonlySet<string>
  /** What could not be followed, as a place and a phrase. The build may contain unknown objects. */
  readonly beyond: ReadonlyArray<{ readonly place: Place; readonly what: string }>
}

/** The files that a build may refer to, by path. */
export interface Files {
  manifest(file: string): Manifest | undefined
  kustomization(directory: string): Kustomization | undefined
}

/**
 * Builds a kustomization as `kustomize build` does. Every value keeps its file and line.
 * Source of the order: https://github.com/kubernetes-sigs/kustomize, api/internal/target.
 */
export function build(kustomization: Kustomization, files: Files): Build {
  const builder = new Builder(files)
  const drafts = builder.build(kustomization, [], [])
  return {
    resources: drafts.flatMap(({ part }) => flatten(new Place(part.origin, part.node))),
    files: builder.used,
    beyond: builder.beyond,
  }
}

class Builder {
  readonly used = new Set<string>()
  readonly beyond: Array<{ place: Place; what: string }> = []
  readonly #files: Files

  constructor(files: Files) {
    this.#files = files
  }

  /** @param given The objects so far, which a component changes. */
  build(kustomization: Kustomization, given: readonly Draft[], above: readonly Kustomization[]): readonly Draft[] {
    if (above.includes(kustomization) || above.length > 30) return given
    this.used.add(kustomization.manifest.source.file)
    const path = [...above, kustomization]
    for (const place of kustomization.beyond) {
      this.beyond.push({ place, what: `\`${place.name}\` of a kustomization` })
    }
    let drafts: readonly Draft[] = [
      ...given,
      ...kustomization.resources.flatMap((each) => this.#objectsAt(each, kustomization, path)),
    ]
    for (const each of kustomization.components) {
      const component = this.#files.kustomization(each)
      if (component === undefined) this.#missing(each, kustomization)
      else drafts = this.build(component, drafts, path)
    }
    drafts = this.#patched(drafts, kustomization.patches)
    drafts = inNamespace(drafts, kustomization)
    drafts = renamed(drafts, kustomization)
    drafts = labelled(drafts, kustomization.labels)
    drafts = annotated(drafts, kustomization)
    drafts = this.#patched(drafts, kustomization.latePatches)
    return withImages(withReplicas(drafts, kustomization), kustomization)
  }

  #objectsAt(path: string, from: Kustomization, above: readonly Kustomization[]): readonly Draft[] {
    const inner = this.#files.kustomization(path)
    if (inner !== undefined) return this.build(inner, [], above)
    const manifest = this.#files.manifest(path)
    if (manifest === undefined) {
      this.#missing(path, from)
      return []
    }
    return this.#partsOf(manifest).flatMap((part) => {
      const name = textAt(part, 'metadata', 'name')
      return textAt(part, 'kind') === undefined ? [] : [{ part, names: name === undefined ? [] : [name] }]
    })
  }

  #missing(path: string, { place }: Kustomization): void {
    const what = isRemote(path) ? `${path}, which is fetched from elsewhere` : `${path}, which is not among the files`
    this.beyond.push({ place: place.get('resources'), what })
  }

  #partsOf(manifest: Manifest): Part[] {
    this.used.add(manifest.source.file)
    return manifest.documents.flatMap((document) => {
      if (document.contents === null) return []
      return [unfold({ node: document.contents, origin: { manifest, document, shared: false } })]
    })
  }

  #patched(drafts: readonly Draft[], patches: readonly Patch[]): readonly Draft[] {
    const now: Array<Draft | undefined> = [...drafts]
    const byName = new Map<string, number[]>()
    drafts.forEach(({ names }, index) => {
      for (const name of new Set(names)) addTo(byName, name, index)
    })
    for (const { target, ...patch } of patches) {
      for (const part of this.#patchesIn(patch)) {
        const name = target === undefined ? textAt(part, 'metadata', 'name') : target.name
        // A pattern may match any object. So may a patch without a name.
        const meant = /^[\w-]+$/.test(name ?? '') ? (byName.get(name ?? '') ?? []) : now.keys()
        for (const index of meant) {
          const draft = now[index]
          if (draft !== undefined) now[index] = patched(draft, part, target)
        }
      }
    }
    return now.filter((draft) => draft !== undefined)
  }

  #patchesIn({ file, text }: Patch): readonly Part[] {
    const manifest = text ?? (file === undefined ? undefined : this.#files.manifest(file))
    if (manifest === undefined) return []
    const parts = this.#partsOf(manifest)
    // A patch inside a kustomization has the lines of that file, but not its offsets, so it must not be edited.
    return text === undefined ? parts : parts.map(({ node, origin }) => ({ node, origin: { ...origin, shared: true } }))
  }
}
