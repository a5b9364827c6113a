import { fits, homeOf, meantBy } from '../objects/home.js'
import { inspectionsOf } from '../objects/inspection.js'
import { Resource } from '../objects/resource.js'
import { namesIn } from '../objects/schema.js'
import { Place } from '../text/place.js'
import { type Part, partAt, setAt } from '../tree/graft.js'

const known = new WeakMap<Resource, Resource>()

/**
 * A copy of an object with misplaced keys moved to where they belong, so that rules judge them there: a hook of 25 s under the pod's
 * spec is still a hook that is too long. Every value keeps its line. The same object if no key is misplaced, or its place is unknown.
 */
export function asMeant(resource: Resource): Resource {
  let meant = known.get(resource)
  if (meant === undefined) {
    meant = moved(resource)
    known.set(resource, meant)
  }
  return meant
}

function moved(resource: Resource): Resource {
  const { node, origin } = resource.place
  if (node === undefined) return resource
  let part: Part = { node, origin }
  for (const { root, unknown, mayBeNewer } of inspectionsOf(resource)) {
    if (mayBeNewer) continue
    const top = wayOf(root)
    for (const key of unknown) {
      const home = meantBy(key) === undefined ? homeOf(key) : undefined
      if (home?.pointer === undefined || !fits(key, key.key, home.pointer)) continue
      const from = [...top, ...namesIn(key.pointer).map(String), key.key]
      const value = partAt(part, from)
      const to = [...top, ...namesIn(home.pointer).map(String), key.key]
      if (value !== undefined) part = setAt(setAt(part, from, undefined), to, value)
    }
  }
  return part.node === node ? resource : new Resource(new Place(part.origin, part.node), resource)
}

/** The path from the object to a place in it. */
function wayOf({ parent, name }: Place): string[] {
  return parent === undefined || name === undefined ? [] : [...wayOf(parent), String(name)]
}
