import { posix } from 'node:path'
import { type Document, isScalar } from 'yaml'
import { Place } from '../text/place.js'
import { Manifest, type Source } from '../text/source.js'

/** What kustomize looks for in a directory, in this order. */
export const kustomizationNames = ['kustomization.yaml', 'kustomization.yml', 'Kustomization'] as const

export function isKustomization(file: string): boolean {
  return (kustomizationNames as readonly string[]).includes(posix.basename(slashed(file)))
}

/** Which objects a patch is for. Without one, the object that the patch itself names. */
export interface Target {
  /** A regular expression each, for all of the text. */
  readonly group?: string | undefined
  readonly version?: string | undefined
  readonly kind?: string | undefined
  readonly name?: string | undefined
  readonly namespace?: string | undefined
  readonly labelSelector?: string | undefined
  readonly annotationSelector?: string | undefined
}

/** A patch in a file of its own, or in the kustomization itself. */
export interface Patch {
  readonly target?: Target
  readonly file?: string
  readonly text?: Manifest
}

/** Labels that are put on everything, and where else. */
export interface Labels {
  readonly pairs: Place
  readonly selectors: boolean
  readonly templates: boolean
}

/** One `kustomization.yaml`: what it puts together, and what it does to that. Paths are from where the files are named from. */
export class Kustomization {
  readonly manifest: Manifest
  readonly place: Place
  readonly directory: string
  /** Patches that come before names and labels. */
  readonly patches: readonly Patch[]
  /** Those that come after them. */
  readonly latePatches: readonly Patch[]

  constructor(manifest: Manifest, document: Document.Parsed) {
    this.manifest = manifest
    this.directory = posix.dirname(slashed(manifest.source.file))
    this.place = new Place({ manifest, document, shared: false }, document.contents)
    // Read once: one that stands here is a text of its own, and a base is part of many builds.
    this.patches = [
      ...this.place.get('patchesStrategicMerge').items.map((item) => this.#merged(item)),
      ...this.place.get('patches').items.map((item) => this.#targeted(item)),
    ]
    this.latePatches = this.place.get('patchesJson6902').items.map((item) => this.#targeted(item))
  }

  /** Files and directories of objects. */
  get resources(): string[] {
    return [...this.#paths('resources'), ...this.#paths('bases')]
  }

  get components(): string[] {
    return this.#paths('components')
  }

  get labels(): readonly Labels[] {
    const common = this.place.get('commonLabels')
    return [
      ...(common.exists ? [{ pairs: common, selectors: true, templates: true }] : []),
      ...this.place.get('labels').items.map((item) => ({
        pairs: item.get('pairs'),
        selectors: item.get('includeSelectors').value === true,
        templates: item.get('includeSelectors').value === true || item.get('includeTemplates').value === true,
      })),
    ]
  }

  /** Files of patches. */
  get patchFiles(): string[] {
    return [...this.patches, ...this.latePatches].flatMap(({ file }) => (file === undefined ? [] : [file]))
  }

  /** Files that become part of something else, and are no objects for themselves. They may be anything: a shell script, too. */
  get otherFiles(): string[] {
    const generated = ['configMapGenerator', 'secretGenerator'].flatMap((name) =>
      this.place
        .get(name)
        .items.flatMap((item) => [
          ...item.get('files').texts.map((text) => text.slice(text.indexOf('=') + 1)),
          ...item.get('envs').texts,
        ]),
    )
    const schemas = this.place.get('openapi', 'path').text
    return [
      ...[...generated, ...(schemas === undefined ? [] : [schemas])].map((path) => this.#resolve(path)),
      ...['crds', 'configurations', 'generators', 'transformers', 'validators'].flatMap((name) => this.#paths(name)),
    ]
  }

  /** What it does that cannot be followed here, each where it says so. */
  get beyond(): readonly Place[] {
    const names = ['helmCharts', 'helmChartInflationGenerator', 'generators', 'transformers', 'replacements', 'vars']
    return names.map((name) => this.place.get(name)).filter((place) => place.items.length > 0)
  }

  #paths(name: string): string[] {
    return this.place.get(name).texts.map((path) => this.#resolve(path))
  }

  #resolve(path: string): string {
    return isRemote(path) ? path : posix.normalize(posix.join(this.directory, path)).replace(/(.)\/$/, '$1')
  }

  /** An item of `patchesStrategicMerge`: a path, or the patch itself. */
  #merged(item: Place): Patch {
    const text = item.text ?? ''
    return text.includes('\n') || text.includes(': ') ? { text: textWithin(item) } : { file: this.#resolve(text) }
  }

  #targeted(item: Place): Patch {
    const target = item.get('target')
    const path = item.get('path').text
    return {
      ...(target.exists && { target: target.value as Target }),
      ...(path !== undefined && { file: this.#resolve(path) }),
      ...(item.get('patch').text !== undefined && { text: textWithin(item.get('patch')) }),
    }
  }
}

/** A text that stands in another one as a block: its lines are those of the file. */
function textWithin(place: Place): Manifest {
  const { source } = place.manifest
  const [start = 0] = place.valueRange ?? []
  const isBlock = isScalar(place.node) && /^BLOCK/.test(place.node.type ?? '')
  const firstLine = isBlock ? source.text.indexOf('\n', start) + 1 : start
  const indent = isBlock ? (/^ */.exec(source.text.slice(firstLine).replace(/^\s*\n/, ''))?.[0].length ?? 0) : 0
  const { line } = place.manifest.at(firstLine)
  return new Manifest({ file: source.file, text: place.text ?? '' }, { line, column: indent })
}

/** Whether it is fetched from elsewhere. Source: https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/resource/ */
export function isRemote(path: string): boolean {
  return /:\/\/|^git@|^[\w.-]+\.[a-z]{2,}[:/].*\/|\?(ref|version|timeout|submodules)=/.test(path)
}

export function slashed(path: string): string {
  return path.replaceAll('\\', '/')
}

/** The kustomization that a text is, if it is one. */
export function kustomizationOf(manifest: Manifest): Kustomization | undefined {
  const [document] = manifest.documents
  return document !== undefined && isKustomization(manifest.source.file)
    ? new Kustomization(manifest, document)
    : undefined
}

/** Every file and directory of which objects are built by the kustomization in a text; none if it is none. */
export function neededBy(source: Source): string[] {
  const kustomization = isKustomization(source.file) ? kustomizationOf(new Manifest(source)) : undefined
  if (kustomization === undefined) return []
  return [...kustomization.resources, ...kustomization.components, ...kustomization.patchFiles]
}
