import { isMap } from 'yaml'
import { flatten, type Resource } from '../objects/resource.js'
import { matchesSelector } from '../objects/selector.js'
import { addTo } from '../shared/lists.js'
import { Place } from '../text/place.js'
import type { Manifest } from '../text/source.js'
import { entriesOf, mapOf, type Part, partAt, partOf, setAt, textAt, textInPlaceOf, withValue } from './graft.js'
import { isJsonPatch, patchWith } from './json-patch.js'
import { isRemote, type Kustomization, type Labels, type Patch, type Target } from './kustomization.js'
import { merge } from './merge.js'
import { referencesOf } from './references.js'
import { unfold } from './unfold.js'

/** An object while it is built: as it is now, and the name by which patches and references still know it. */
interface Draft {
  readonly part: Part
  readonly names: readonly string[]
}

/** What came of a kustomization. */
export interface Build {
  readonly resources: readonly Resource[]
  /** Texts of which something is in it. */
  readonly files: ReadonlySet<string>
  /** What could not be followed: where it is said, and in words. There may be objects of which nothing is known. */
  readonly beyond: ReadonlyArray<{ readonly place: Place; readonly what: string }>
}

/** All that a build may refer to, by path. */
export interface Files {
  manifest(file: string): Manifest | undefined
  kustomization(directory: string): Kustomization | undefined
}

/**
 * Puts together what a kustomization says, as `kustomize build` does, and keeps for every value the file and line it stands in.
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

  /** @param given what is there already: a component changes what it is added to. */
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
        // A pattern may be for any, and so may be what says no name.
        const meant = /^[\w-]+$/.test(name ?? '') ? (byName.get(name ?? '') ?? []) : now.keys()
        for (const index of meant) {
          const draft = now[index]
          if (draft !== undefined) now[index] = applied(draft, part, target)
        }
      }
    }
    return now.filter((draft) => draft !== undefined)
  }

  #patchesIn({ file, text }: Patch): readonly Part[] {
    const manifest = text ?? (file === undefined ? undefined : this.#files.manifest(file))
    if (manifest === undefined) return []
    const parts = this.#partsOf(manifest)
    // What stands within a kustomization has its lines, but is not found at the same place of its text.
    return text === undefined ? parts : parts.map(({ node, origin }) => ({ node, origin: { ...origin, shared: true } }))
  }
}

/** What a patch makes of an object, if it is for it; undefined where it deletes it. */
function applied(draft: Draft, patch: Part, target: Target | undefined): Draft | undefined {
  if (isJsonPatch(patch)) {
    return isMeant(draft, target) ? { ...draft, part: patchWith(draft.part, patch) } : draft
  }
  const own = { kind: textAt(patch, 'kind'), name: textAt(patch, 'metadata', 'name') }
  const isOwn = kindOf(draft) === own.kind && draft.names.includes(own.name ?? '')
  if (target === undefined ? !isOwn : !isMeant(draft, target)) return draft
  // With a target the patch's own name says nothing.
  const name = partAt(draft.part, ['metadata', 'name'])
  const merged = merge(draft.part, patch, isBuiltIn(draft))
  if (merged === undefined) return undefined
  return { ...draft, part: name === undefined ? merged : setAt(merged, ['metadata', 'name'], name) }
}

/** Whether a patch is for it; without a target, for all. */
function isMeant({ part, names }: Draft, target: Target = {}): boolean {
  const { group, version } = apiOf(part)
  const isLike = (pattern: string | undefined, text: string | undefined) =>
    pattern === undefined || pattern === '' || wholeMatch(pattern, text ?? '')
  return (
    isLike(target.group, group) &&
    isLike(target.version, version) &&
    isLike(target.kind, textAt(part, 'kind')) &&
    isLike(target.namespace, textAt(part, 'metadata', 'namespace')) &&
    (target.name === undefined || names.some((name) => isLike(target.name, name))) &&
    matchesSelector(target.labelSelector, textsIn(part, 'labels')) &&
    matchesSelector(target.annotationSelector, textsIn(part, 'annotations'))
  )
}

function wholeMatch(pattern: string, text: string): boolean {
  try {
    return new RegExp(`^(?:${pattern})$`).test(text)
  } catch {
    return pattern === text
  }
}

function textsIn(part: Part, name: string): Readonly<Record<string, string>> {
  const map = partAt(part, ['metadata', name])
  return map === undefined
    ? {}
    : Object.fromEntries(new Place(map.origin, map.node).entries.map(([key, { value }]) => [key, String(value)]))
}

function apiOf(part: Part): { group: string; version: string } {
  const [version = '', group = ''] = (textAt(part, 'apiVersion') ?? '').split('/').reverse()
  return { group, version }
}

function kindOf({ part }: Draft): string {
  return textAt(part, 'kind') ?? ''
}

/** Kubernetes' own kinds: their groups have no dot, or end so. */
function isBuiltIn({ part }: Draft): boolean {
  const { group } = apiOf(part)
  return !group.includes('.') || group.endsWith('.k8s.io')
}

/** Every object with something set in it. */
function withEach(drafts: readonly Draft[], change: (draft: Draft) => Part): readonly Draft[] {
  return drafts.map((draft) => ({ ...draft, part: change(draft) }))
}

/** What a place of a kustomization holds. */
function partIn(place: Place): Part | undefined {
  return place.node === undefined ? undefined : { node: place.node, origin: place.origin }
}

function inNamespace(drafts: readonly Draft[], { place }: Kustomization): readonly Draft[] {
  const namespace = partIn(place.get('namespace'))
  if (namespace === undefined) return drafts
  return withEach(drafts, (draft) =>
    kindOf(draft) === 'Namespace' ? draft.part : setAt(draft.part, ['metadata', 'namespace'], namespace),
  )
}

/** These keep their names. Source: kustomize, plugin/builtin/prefixtransformer. */
const keepTheirNames = new Set(['CustomResourceDefinition', 'APIService', 'Namespace'])

function renamed(drafts: readonly Draft[], { place }: Kustomization): readonly Draft[] {
  const [prefix, suffix] = [place.get('namePrefix').text ?? '', place.get('nameSuffix').text ?? '']
  if (prefix === '' && suffix === '') return drafts
  const known = new Set(drafts.map((draft) => `${kindOf(draft)} ${draft.names.at(-1)}`))
  return drafts.map((draft) => {
    let { part } = draft
    for (const { kind, way } of referencesOf(part)) {
      const name = partAt(part, way)
      const text = textAt(part, ...way)
      if (name === undefined || text === undefined || !known.has(`${kind} ${text}`)) continue
      part = setAt(part, way, textInPlaceOf(name, `${prefix}${text}${suffix}`))
    }
    const name = partAt(part, ['metadata', 'name'])
    const text = textAt(part, 'metadata', 'name')
    if (name === undefined || text === undefined || keepTheirNames.has(kindOf(draft))) return { ...draft, part }
    const now = `${prefix}${text}${suffix}`
    return { part: setAt(part, ['metadata', 'name'], textInPlaceOf(name, now)), names: [...draft.names, now] }
  })
}

const templateWays = [
  ['spec', 'template'],
  ['spec', 'jobTemplate', 'spec', 'template'],
]

/** Where labels go besides the object's own. Source: kustomize, api/internal/konfig/builtinpluginconsts/commonlabels.go. */
function labelWaysOf(draft: Draft, { selectors, templates }: Labels): string[][] {
  const { part } = draft
  const kind = kindOf(draft)
  const ways = [['metadata', 'labels']]
  if (templates) {
    const way = templateWays.find((each) => partAt(part, each) !== undefined)
    if (way !== undefined && isBuiltIn(draft)) ways.push([...way, 'metadata', 'labels'])
    if (kind === 'CronJob') ways.push(['spec', 'jobTemplate', 'metadata', 'labels'])
  }
  if (!selectors) return ways
  if (kind === 'Service' || kind === 'ReplicationController') ways.push(['spec', 'selector'])
  const matchLabels = ['spec', 'selector', 'matchLabels']
  if (['Deployment', 'ReplicaSet', 'DaemonSet', 'StatefulSet'].includes(kind)) ways.push(matchLabels)
  else if (kind === 'PodDisruptionBudget' && partAt(part, matchLabels) !== undefined) ways.push(matchLabels)
  return ways
}

function labelled(drafts: readonly Draft[], all: readonly Labels[]): readonly Draft[] {
  return all.reduce<readonly Draft[]>(
    (now, labels) =>
      withEach(now, (draft) =>
        labelWaysOf(draft, labels).reduce((part, way) => withTexts(part, way, labels.pairs), draft.part),
      ),
    drafts,
  )
}

function annotated(drafts: readonly Draft[], { place }: Kustomization): readonly Draft[] {
  const annotations = place.get('commonAnnotations')
  if (!annotations.exists) return drafts
  return withEach(drafts, ({ part }) => {
    const own = withTexts(part, ['metadata', 'annotations'], annotations)
    const way = templateWays.find((each) => partAt(part, each) !== undefined)
    return way === undefined ? own : withTexts(own, [...way, 'metadata', 'annotations'], annotations)
  })
}

/** With the entries of a map put into another one. */
function withTexts(part: Part, way: readonly string[], texts: Place): Part {
  return texts.entries.reduce((now, [name, place]) => {
    const value = partIn(place)
    return value === undefined ? now : setAt(now, [...way, name], value)
  }, part)
}

const replicated = new Set(['Deployment', 'ReplicaSet', 'ReplicationController', 'StatefulSet'])

function withReplicas(drafts: readonly Draft[], { place }: Kustomization): readonly Draft[] {
  return place.get('replicas').items.reduce((all, item) => {
    const count = partIn(item.get('count'))
    if (count === undefined) return all
    return withEach(all, (draft) =>
      replicated.has(kindOf(draft)) && draft.names.includes(item.get('name').text ?? '')
        ? setAt(draft.part, ['spec', 'replicas'], count)
        : draft.part,
    )
  }, drafts)
}

function withImages(drafts: readonly Draft[], { place }: Kustomization): readonly Draft[] {
  const images = place.get('images').items
  if (images.length === 0) return drafts
  return withEach(drafts, ({ part }) => withImagesIn(part, images))
}

/** Images stand wherever there are containers. */
function withImagesIn(part: Part, images: readonly Place[]): Part {
  if (!isMap(part.node)) return part
  const pairs = entriesOf(part).map((pair) => {
    const { key, value } = pair
    const name = String((key as { value?: unknown }).value)
    const inner = partOf(pair, part.origin)
    if (name === 'containers' || name === 'initContainers') {
      const place = new Place(inner.origin, inner.node)
      const list = place.items.reduce<Part>((now, item, index) => {
        const image = item.get('image')
        const changed = imageOf(image.text, images)
        const old = partIn(image)
        if (changed === undefined || old === undefined) return now
        return setAt(now, [String(index), 'image'], textInPlaceOf(old, changed))
      }, inner)
      return withValue(pair, list.node, part.origin)
    }
    return isMap(value) ? withValue(pair, withImagesIn(inner, images).node, part.origin) : pair
  })
  return { node: mapOf(pairs), origin: part.origin }
}

/** `newName:newTag` or `newName@digest`, where the name is the same. */
function imageOf(image: string | undefined, images: readonly Place[]): string | undefined {
  if (image === undefined) return undefined
  const [, name = image, tag = ''] = /^(.+?)((?::[\w.-]+)?(?:@sha256:\w+)?)$/.exec(image) ?? []
  const meant = images.find((each) => each.get('name').text === name)
  if (meant === undefined) return undefined
  const newName = meant.get('newName').text ?? name
  const [newTag, digest] = [meant.get('newTag').value, meant.get('digest').text]
  if (digest !== undefined) return `${newName}@${digest}`
  return newTag === undefined ? `${newName}${tag}` : `${newName}:${newTag}`
}
