import { posix } from 'node:path'
import type { Skipped } from '../text/skipped.js'
import { Manifest, type Source } from '../text/source.js'
import { type Group, groupsOf } from '../tree/groups.js'
import { slashed } from '../tree/kustomization.js'
import { type Facts, World } from '../world/world.js'
import { asMeant } from './as-meant.js'
import { bringsMore, skippedIn } from './skipped.js'

/** Texts, and the worlds in them. */
export interface Reading {
  readonly manifests: readonly Manifest[]
  /** Each world is what is in one cluster at the same time: the build of a kustomization, or the files outside of any. */
  readonly worlds: readonly World[]
  /** How many worlds a file is part of. */
  readonly worldsWith: (file: string) => number
  /** What was not judged. */
  readonly skipped: readonly Skipped[]
}

/** Reads texts that were found together. */
export function read(sources: readonly Source[], facts: Facts = {}): Reading {
  const manifests = sources.map((source) => new Manifest(source))
  const groups = groupsOf(manifests)
  const counts = new Map<string, number>()
  for (const { files, resources } of groups) {
    // A Component by itself builds nothing.
    if (resources.length === 0) continue
    for (const file of files) counts.set(file, (counts.get(file) ?? 0) + 1)
  }
  const unread = new Set(
    manifests.flatMap(({ source, problems, skipped }) =>
      problems.length + skipped.length > 0 ? posix.normalize(slashed(source.file)) : [],
    ),
  )
  const isComplete = ({ beyond, files, resources }: Group) =>
    beyond.length === 0 &&
    !resources.some(bringsMore) &&
    ![...files].some((file) => unread.has(posix.normalize(slashed(file))))
  return {
    manifests,
    worlds: groups.map((group) => {
      return new World(group.resources.map(asMeant), facts, { name: group.name, isComplete: isComplete(group) })
    }),
    worldsWith: (file) => counts.get(file) ?? 0,
    skipped: skippedIn(manifests, groups),
  }
}
