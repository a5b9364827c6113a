import { posix } from 'node:path'
import { Place } from '../text/place.js'
import type { Manifest } from '../text/source.js'
import { slashed } from './kustomization.js'

/** Test frameworks for clusters: kuttl and Chainsaw. Sources: https://kuttl.dev/docs/kuttl-test-harness.html, https://kyverno.github.io/chainsaw/ */
const ofTests = /^(chainsaw\.kyverno\.io|kuttl\.dev)\//

/**
 * The files with the assertions of tests. They contain only the tested part of each object, so they cannot be judged. kuttl finds them
 * by their names, and Chainsaw by references in a test.
 */
export function assertionsAmong(manifests: readonly Manifest[]): ReadonlySet<Manifest> {
  const tests = manifests.filter(isTest)
  const named = new Set(tests.flatMap(filesExpectedBy))
  const directories = new Set(tests.map(directoryOf))
  return new Set(
    manifests.filter((manifest) => {
      const file = posix.normalize(slashed(manifest.source.file))
      const name = posix.basename(file)
      if (tests.includes(manifest) || named.has(file) || /^\d+-(assert|errors?)\b/.test(name)) return true
      return directories.has(directoryOf(manifest)) && /(^|[-_.])(assert|errors?|expected)([-_.]|$)/.test(name)
    }),
  )
}

function directoryOf({ source }: Manifest): string {
  return posix.dirname(slashed(source.file))
}

function rootsOf(manifest: Manifest): Place[] {
  return manifest.documents.map((document) => new Place({ manifest, document, shared: false }, document.contents))
}

function isTest(manifest: Manifest): boolean {
  return rootsOf(manifest).some((root) => ofTests.test(root.get('apiVersion').text ?? ''))
}

/** The files in `assert: { file: x.yaml }` and `error: { file: x.yaml }`, in any step. */
function filesExpectedBy(manifest: Manifest): string[] {
  const look = (place: Place, depth = 0): string[] => {
    if (depth > 12) return []
    const own = ['assert', 'error'].flatMap((name) => place.get(name, 'file').text ?? [])
    const inner = [...place.entries.map(([, entry]) => entry), ...place.items]
    return [...own, ...inner.flatMap((each) => look(each, depth + 1))]
  }
  return rootsOf(manifest)
    .flatMap((root) => look(root))
    .map((file) => posix.join(directoryOf(manifest), file))
}
