import type { Container, Pod } from '../objects/pod.js'
import type { Resource } from '../objects/resource.js'
import type { Edit } from '../text/edits.js'
import type { Place } from '../text/place.js'
import type { World } from '../world/world.js'
import type { Severity } from './finding.js'

/** Optional details of a finding. */
export interface Details {
  /** What to write instead. */
  readonly fix?: string
  /** The fix as edits of the text, if it is safe. They are dropped if an alias or a merge shares the place. */
  readonly edits?: readonly Edit[] | undefined
  /** @default the severity of the rule */
  readonly severity?: Severity
}

/** Reports a finding: where it is, what is wrong (with the arithmetic), and its details. */
export type Report = (place: Place, message: string, details?: Details) => void

/** A rule finds one kind of mistake. */
export interface Rule {
  /** The name of the rule in findings and ignores. */
  readonly id: string
  /** The greatest severity of its findings. */
  readonly severity: Severity
  /** Why it has this severity, and when a finding has a lower one. */
  readonly severityReason: string
  /** What the rule finds, in one line. */
  readonly title: string
  /** Why the mistake loses requests. */
  readonly why: string
  /** Reports every finding in a world. */
  readonly check: (world: World, report: Report) => void
}

/** A check that runs on each pod. */
export function eachPod(check: (pod: Pod, report: Report, world: World) => void): Rule['check'] {
  return (world, report) => {
    for (const pod of world.pods) check(pod, report, world)
  }
}

/** A check that runs on each container that runs as long as its pod. */
export function eachContainer(check: (container: Container, report: Report, world: World) => void): Rule['check'] {
  return eachPod((pod, report, world) => {
    for (const container of pod.running) check(container, report, world)
  })
}

/** A check that runs on each object of these kinds. */
export function each(
  kinds: readonly string[],
  check: (resource: Resource, report: Report, world: World) => void,
): Rule['check'] {
  return (world, report) => {
    for (const kind of kinds) for (const resource of world.kind(kind)) check(resource, report, world)
  }
}

/** `a, b and 3 others`, without duplicates. */
export function listed(all: readonly string[]): string {
  const names = [...new Set(all)]
  const shown = names.length > 4 ? [...names.slice(0, 3), `${names.length - 3} others`] : names
  return shown.length < 2 ? shown.join('') : `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}`
}
