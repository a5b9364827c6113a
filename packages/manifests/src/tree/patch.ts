import { matchesSelector } from '../objects/selector.js'
import { Place } from '../text/place.js'
import { apiOf, type Draft, isBuiltIn, kindOf } from './draft.js'
import { type Part, partAt, setAt, textAt } from './graft.js'
import { isJsonPatch, patchWith } from './json-patch.js'
import type { Target } from './kustomization.js'
import { merge } from './merge.js'

/** Applies a patch to an object if it is for that object; undefined if the patch deletes it. */
export function patched(draft: Draft, patch: Part, target: Target | undefined): Draft | undefined {
  if (isJsonPatch(patch)) {
    return isMeant(draft, target) ? { ...draft, part: patchWith(draft.part, patch) } : draft
  }
  const own = { kind: textAt(patch, 'kind'), name: textAt(patch, 'metadata', 'name') }
  const isOwn = kindOf(draft) === own.kind && draft.names.includes(own.name ?? '')
  if (target === undefined ? !isOwn : !isMeant(draft, target)) return draft
  // With a target, the name in the patch does not rename the object.
  const name = partAt(draft.part, ['metadata', 'name'])
  const merged = merge(draft.part, patch, isBuiltIn(draft))
  if (merged === undefined) return undefined
  return { ...draft, part: name === undefined ? merged : setAt(merged, ['metadata', 'name'], name) }
}

/** Whether a target matches an object. No target matches every object. */
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
