import type { Resource } from '../objects/resource.js'
import type { Skipped } from '../text/skipped.js'
import type { Manifest } from '../text/source.js'
import { assertionsAmong } from '../tree/assertions.js'
import type { Group } from '../tree/groups.js'

/** Kinds whose controllers create objects that are in no file here, and how to lint those objects. */
const bringers: Readonly<Record<string, string>> = {
  'helm.toolkit.fluxcd.io HelmRelease': 'what its chart makes is in no file: helm template … | podrain lint -',
  'helm.cattle.io HelmChart': 'what its chart makes is in no file: helm template … | podrain lint -',
  'argoproj.io Application':
    'what it deploys was looked at only if it is among the files: argocd app manifests … | podrain lint -',
  'argoproj.io ApplicationSet': 'what it deploys was looked at only if it is among the files',
  'kustomize.toolkit.fluxcd.io Kustomization':
    'what it deploys was looked at only if it is among the files: flux build kustomization …',
}

/** Whether a controller creates objects from this one that are in no file. */
export function bringsMore({ group, kind }: Resource): boolean {
  return bringers[`${group} ${kind}`] !== undefined
}

/** Everything in these texts that was not judged. */
export function skippedIn(manifests: readonly Manifest[], groups: readonly Group[]): Skipped[] {
  const unfollowed = groups.flatMap(({ name, beyond }) =>
    beyond.map(({ place, what }): Skipped => {
      const why = `podrain does not follow it. Lint what comes of it: kustomize build ${name ?? '.'} | podrain lint -`
      const { file } = place.manifest.source
      return { file, line: place.manifest.at(place.range[0]).line, what, why }
    }),
  )
  const brought = groups.flatMap(({ resources }) =>
    resources.flatMap(({ group, kind, label, file, place }): Skipped[] => {
      const why = bringers[`${group} ${kind}`]
      return why === undefined ? [] : [{ file, line: place.manifest.at(place.range[0]).line, what: label, why }]
    }),
  )
  const expected = [...assertionsAmong(manifests)].map(({ source: { file } }): Skipped => {
    return { file, line: 1, what: 'a test of a cluster', why: 'it has only as much of each object as it is about' }
  })
  const all = [...manifests.flatMap(({ skipped }) => skipped), ...unfollowed, ...brought, ...expected]
  return [...new Map(all.map((each) => [`${each.file} ${each.line} ${each.what}`, each])).values()]
}
