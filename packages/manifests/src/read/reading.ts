import type { Place } from '../text/place.js'
import { Manifest, type Source } from '../text/source.js'
import { groupsOf } from '../tree/groups.js'
import { type Facts, World } from '../world/world.js'

/** Texts, and what comes of them. */
export interface Reading {
  readonly manifests: readonly Manifest[]
  /** What is in one cluster at the same time: a build of a kustomization each, and what else there is. */
  readonly worlds: readonly World[]
  /** Of how many worlds a file is a part. */
  readonly worldsWith: (file: string) => number
  /** What could not be followed, and where it is said. */
  readonly beyond: ReadonlyArray<{ readonly place: Place; readonly what: string }>
}

/** Reads texts that were found together. */
export function read(sources: readonly Source[], facts: Facts = {}): Reading {
  const manifests = sources.map((source) => new Manifest(source))
  const groups = groupsOf(manifests)
  const counts = new Map<string, number>()
  for (const { files } of groups) for (const file of files) counts.set(file, (counts.get(file) ?? 0) + 1)
  return {
    manifests,
    worlds: groups.map(
      ({ name, resources, beyond }) => new World(resources, facts, { name, isComplete: beyond.length === 0 }),
    ),
    worldsWith: (file) => counts.get(file) ?? 0,
    beyond: groups.flatMap(({ beyond }) => beyond),
  }
}
