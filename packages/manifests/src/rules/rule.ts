import type { Container, Pod } from '../objects/pod.js'
import type { Resource } from '../objects/resource.js'
import type { Edit } from '../text/edits.js'
import type { Place } from '../text/place.js'
import type { World } from '../world/world.js'
import type { Severity } from './finding.js'

/** What more is to be said of a finding than what is wrong. */
export interface Details {
  /** What to write instead. */
  readonly fix?: string
  /** The same as edits of the text. Left out where an alias or a merge shares the place. */
  readonly edits?: readonly Edit[] | undefined
  /** If it is not the rule's own. */
  readonly severity?: Severity
}

/** Tells of a mistake: where, what with the arithmetic, and what to do. */
export type Report = (place: Place, message: string, details?: Details) => void

/** A kind of mistake. */
export interface Rule {
  readonly id: string
  /** The worst that it says. */
  readonly severity: Severity
  /** Why it is no better and no worse; and when it is less, if it is. */
  readonly severe: string
  /** In one line, what it finds. */
  readonly title: string
  /** Why that loses requests. */
  readonly why: string
  readonly check: (world: World, report: Report) => void
}

/** For each pod. */
export function eachPod(check: (pod: Pod, report: Report, world: World) => void): Rule['check'] {
  return (world, report) => {
    for (const pod of world.pods) check(pod, report, world)
  }
}

/** For each container that runs as long as its pod does. */
export function eachContainer(check: (container: Container, report: Report, world: World) => void): Rule['check'] {
  return eachPod((pod, report, world) => {
    for (const container of pod.running) check(container, report, world)
  })
}

/** For each object of a kind. */
export function each(
  kinds: readonly string[],
  check: (resource: Resource, report: Report, world: World) => void,
): Rule['check'] {
  return (world, report) => {
    for (const kind of kinds) for (const resource of world.kind(kind)) check(resource, report, world)
  }
}

/** `a, b and 3 others`, each once. */
export function listed(all: readonly string[]): string {
  const names = [...new Set(all)]
  const shown = names.length > 4 ? [...names.slice(0, 3), `${names.length - 3} others`] : names
  return shown.length < 2 ? shown.join('') : `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}`
}
