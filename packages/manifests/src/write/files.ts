import { component } from './component.js'
import { helmLibrary } from './helm-library.js'
import {
  type Facts,
  factsOf,
  heading,
  type ManifestKind,
  type ManifestOptions,
  objects,
  patch,
  values,
} from './manifest.js'
import type { Written } from './pieces.js'

const writers: Readonly<Record<ManifestKind, (facts: Facts) => Written[]>> = {
  kubernetes: (facts) => [{ file: `${facts.name}.yaml`, text: `${heading}${objects(facts)}` }],
  kustomize: (facts) => [
    {
      file: 'podrain-patch.yaml',
      text: `${heading}# In kustomization.yaml: patches: [{ path: podrain-patch.yaml }]\n${patch(facts)}`,
    },
  ],
  component: (facts) => [{ file: 'kustomization.yaml', text: component(facts) }],
  helm: (facts) => [{ file: 'values.yaml', text: values(facts) }],
  'helm-library': helmLibrary,
}

/**
 * Writes a Deployment, a Service and a PodDisruptionBudget in which `lint` finds nothing. For an existing Deployment it writes a
 * kustomize patch or Component, Helm values, or a Helm library chart instead. The arithmetic is in the comments. Nothing is written to disk.
 * @throws {RangeError} that names the option, the value and what was expected.
 */
export function writeFiles(options: ManifestOptions): Written[] {
  const facts = factsOf(options)
  return writers[facts.kind](facts)
}

/**
 * The same for the kinds that are one file.
 * @returns The YAML text.
 * @throws {RangeError} that names the option, the value and what was expected.
 */
export function writeManifest(options: ManifestOptions): string {
  const [only, ...others] = writeFiles(options)
  if (only === undefined || others.length > 0) {
    throw new RangeError(`Expected \`kind\` to be one that is a single text, got \`${options.kind}\`: use writeFiles`)
  }
  return only.text
}
