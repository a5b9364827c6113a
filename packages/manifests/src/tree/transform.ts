import { isMap } from 'yaml'
import { Place } from '../text/place.js'
import { type Draft, isBuiltIn, kindOf } from './draft.js'
import { entriesOf, mapOf, type Part, partAt, partOf, setAt, textAt, textInPlaceOf, withValue } from './graft.js'
import type { Kustomization, Labels } from './kustomization.js'
import { referencesOf } from './references.js'

/** Applies a change to every object. */
function withEach(drafts: readonly Draft[], change: (draft: Draft) => Part): readonly Draft[] {
  return drafts.map((draft) => ({ ...draft, part: change(draft) }))
}

/** The value at a place of a kustomization. */
function partIn(place: Place): Part | undefined {
  return place.node === undefined ? undefined : { node: place.node, origin: place.origin }
}

export function inNamespace(drafts: readonly Draft[], { place }: Kustomization): readonly Draft[] {
  const namespace = partIn(place.get('namespace'))
  if (namespace === undefined) return drafts
  return withEach(drafts, (draft) =>
    kindOf(draft) === 'Namespace' ? draft.part : setAt(draft.part, ['metadata', 'namespace'], namespace),
  )
}

/** Kinds that kustomize does not rename. Source: kustomize, plugin/builtin/prefixtransformer. */
const keepTheirNames = new Set(['CustomResourceDefinition', 'APIService', 'Namespace'])

export function renamed(drafts: readonly Draft[], { place }: Kustomization): readonly Draft[] {
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

/** The paths at which labels are added. Source: kustomize, api/internal/konfig/builtinpluginconsts/commonlabels.go. */
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

export function labelled(drafts: readonly Draft[], all: readonly Labels[]): readonly Draft[] {
  return all.reduce<readonly Draft[]>(
    (now, labels) =>
      withEach(now, (draft) =>
        labelWaysOf(draft, labels).reduce((part, way) => withTexts(part, way, labels.pairs), draft.part),
      ),
    drafts,
  )
}

export function annotated(drafts: readonly Draft[], { place }: Kustomization): readonly Draft[] {
  const annotations = place.get('commonAnnotations')
  if (!annotations.exists) return drafts
  return withEach(drafts, ({ part }) => {
    const own = withTexts(part, ['metadata', 'annotations'], annotations)
    const way = templateWays.find((each) => partAt(part, each) !== undefined)
    return way === undefined ? own : withTexts(own, [...way, 'metadata', 'annotations'], annotations)
  })
}

/** Adds the entries of one map to another. */
function withTexts(part: Part, way: readonly string[], texts: Place): Part {
  return texts.entries.reduce((now, [name, place]) => {
    const value = partIn(place)
    return value === undefined ? now : setAt(now, [...way, name], value)
  }, part)
}

const replicated = new Set(['Deployment', 'ReplicaSet', 'ReplicationController', 'StatefulSet'])

export function withReplicas(drafts: readonly Draft[], { place }: Kustomization): readonly Draft[] {
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

export function withImages(drafts: readonly Draft[], { place }: Kustomization): readonly Draft[] {
  const images = place.get('images').items
  if (images.length === 0) return drafts
  return withEach(drafts, ({ part }) => withImagesIn(part, images))
}

/** Changes images wherever there are containers. */
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

/** The image as `newName:newTag` or `newName@digest`, if an entry has its name; else undefined. */
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
