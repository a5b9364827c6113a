import { posix } from 'node:path'
import { templatesOf } from '../objects/pod.js'
import { type Resource, resourcesOf } from '../objects/resource.js'
import { addTo } from '../shared/lists.js'
import type { Place } from '../text/place.js'
import type { Manifest } from '../text/source.js'
import { assertionsAmong } from './assertions.js'
import { build, type Files } from './build.js'
import { kustomizationOf, slashed } from './kustomization.js'

/** Objects that are in one cluster at the same time. */
export interface Group {
  /** The kustomization, chart, file or directory that they come from, such as `overlays/prod`; undefined for the rest. */
  readonly name: string | undefined
  readonly resources: readonly Resource[]
  readonly files: ReadonlySet<string>
  /** What could not be followed, as a place and a phrase. */
  readonly beyond: ReadonlyArray<{ readonly place: Place; readonly what: string }>
}

/**
 * Groups the objects. Each build of a kustomization is a group; its bases, components and patches are no groups of their own. Each chart
 * is a group. All other files are one group, unless files or directories contain the same object: then each of those is an alternative.
 */
export function groupsOf(manifests: readonly Manifest[]): Group[] {
  const byFile = new Map(manifests.map((manifest) => [posix.normalize(slashed(manifest.source.file)), manifest]))
  const all = manifests.flatMap((manifest) => kustomizationOf(manifest) ?? [])
  const kustomizations = new Map(all.map((kustomization) => [kustomization.directory, kustomization]))
  const files: Files = { manifest: (file) => byFile.get(file), kustomization: (path) => kustomizations.get(path) }
  const kustomized = new Set(all.map(({ manifest }) => manifest))
  const parts = new Set(
    all.flatMap(({ resources, components, patchFiles, otherFiles }) => [
      ...resources,
      ...components,
      ...patchFiles,
      ...otherFiles,
    ]),
  )
  const assertions = assertionsAmong(manifests)
  const roots = all.filter(({ directory }) => !parts.has(directory))
  const builds = roots.map((root) => ({ name: root.directory, ...build(root, files) }))
  const loose = [...byFile]
    .filter(([file, manifest]) => !parts.has(file) && !kustomized.has(manifest) && !assertions.has(manifest))
    .map(([file, manifest]) => ({ file, chart: manifest.source.chart, resources: resourcesOf(manifest) }))
  const charts = [...new Set(loose.flatMap(({ chart }) => chart ?? []))]
  return [
    ...builds,
    ...charts.map((name) =>
      groupOf(
        name,
        loose.filter(({ chart }) => chart === name),
      ),
    ),
    ...alternativesAmong(loose.filter(({ chart }) => chart === undefined)),
  ]
}

function groupOf(name: string | undefined, members: readonly Loose[]): Group {
  return {
    name,
    resources: members.flatMap(({ resources }) => resources),
    files: new Set(members.map(({ file }) => file)),
    beyond: [],
  }
}

interface Loose {
  readonly file: string
  readonly chart: string | undefined
  readonly resources: readonly Resource[]
}

/** Kinds without pods that show that files are alternatives: a cluster has only one object of a kind with the same name. */
const concerned = new Set(['Service', 'Ingress', 'PodDisruptionBudget', 'HorizontalPodAutoscaler'])

function alternativesAmong(loose: readonly Loose[]): Group[] {
  if (loose.length === 0) return []
  const holders = new Map<string, Set<string>>()
  for (const { file, resources } of loose) {
    for (const object of resources) {
      if (templatesOf(object).length === 0 && !concerned.has(object.kind)) continue
      const id = `${object.group}/${object.kind} ${object.namespace ?? ''}/${object.name}`
      holders.set(id, (holders.get(id) ?? new Set()).add(file))
    }
  }
  const alternatives = new Set<string>()
  for (const files of holders.values()) {
    if (files.size < 2) continue
    const directories = new Set([...files].map((file) => posix.dirname(file)))
    // In one directory each file is an alternative, otherwise each directory.
    for (const each of directories.size === 1 ? files : directories) alternatives.add(each)
  }
  const units = new Map<string | undefined, Loose[]>()
  for (const each of loose) {
    addTo(units, nearestOf(each.file, alternatives), each)
  }
  const common = units.get(undefined) ?? []
  if (units.size === (units.has(undefined) ? 1 : 0)) return [groupOf(undefined, common)]
  const named = [...units].flatMap(([unit, members]) => {
    if (unit === undefined) return []
    // Files beside or above an alternative belong to each of them.
    const above = posix.dirname(unit)
    const beside = common.filter(({ file }) => above === '.' || file.startsWith(`${above}/`) || isAbove(file, unit))
    return [groupOf(unit, [...beside, ...members])]
  })
  const taken = new Set(named.flatMap(({ files }) => [...files]))
  const rest = common.filter(({ file }) => !taken.has(file))
  return rest.length === 0 ? named : [...named, groupOf(undefined, rest)]
}

/** The unit that a file belongs to: the file itself, or the nearest directory above it. */
function nearestOf(file: string, units: ReadonlySet<string>): string | undefined {
  for (let path = file; ; path = posix.dirname(path)) {
    if (units.has(path)) return path
    if (path === '.' || path === '/') return undefined
  }
}

function isAbove(file: string, unit: string): boolean {
  const directory = posix.dirname(file)
  return directory === '.' || unit.startsWith(`${directory}/`)
}
