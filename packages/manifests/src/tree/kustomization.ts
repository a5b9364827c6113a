import { posix } from 'node:path'
import { type Document, isScalar } from 'yaml'
import { Place } from '../text/place.js'
import { Manifest, type Source } from '../text/source.js'

/** The file names that kustomize looks for in a directory, in this order. */
export const kustomizationNames = ['kustomization.yaml', 'kustomization.yml', 'Kustomization'] as const

export function isKustomization(file: string): boolean {
  return (kustomizationNames as readonly string[]).includes(posix.basename(slashed(file)))
}

/** The objects that a patch is for. A patch without a target is for the object that it names itself. */
export interface Target {
  /** The fields without `Selector` are regular expressions that must match the whole text. */
  readonly group?: string | undefined
  readonly version?: string | undefined
  readonly kind?: string | undefined
  readonly name?: string | undefined
  readonly namespace?: string | undefined
  readonly labelSelector?: string | undefined
  readonly annotationSelector?: string | undefined
}

/** A patch, in its own file or inside the kustomization. */
export interface Patch {
  readonly target?: Target
  readonly file?: string
  readonly text?: Manifest
}

/** Labels for all objects, and whether they are added to selectors and pod templates too. */
export interface Labels {
  readonly pairs: Place
  readonly selectors: boolean
  readonly templates: boolean
}

/** One `kustomization.yaml`. Paths are relative to the working directory, like the names of the files. */
export class Kustomization {
  readonly manifest: Manifest
  readonly place: Place
  readonly directory: string
  /** Patches that are applied before names and labels are changed. */
  readonly patches: readonly Patch[]
  /** Patches that are applied after that. */
  readonly latePatches: readonly Patch[]

  constructor(manifest: Manifest, document: Document.Parsed) {
    this.manifest = manifest
    this.directory = posix.dirname(slashed(manifest.source.file))
    this.place = new Place({ manifest, document, shared: false }, document.contents)
    // Parsed once, because a base is part of many builds.
    this.patches = [
      ...this.place.get('patchesStrategicMerge').items.map((item) => this.#merged(item)),
      ...this.place.get('patches').items.map((item) => this.#targeted(item)),
    ]
    this.latePatches = this.place.get('patchesJson6902').items.map((item) => this.#targeted(item))
  }

  /** Files and directories with objects. */
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

  /** Files that are no objects, but become part of one. They may be anything, such as a shell script. */
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

  /** The places of features that are not supported here. */
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

/** A text inside another one, as a block scalar. Its lines are those of the file. */
function textWithin(place: Place): Manifest {
  const { source } = place.manifest
  const [start = 0] = place.valueRange ?? []
  const isBlock = isScalar(place.node) && /^BLOCK/.test(place.node.type ?? '')
  const firstLine = isBlock ? source.text.indexOf('\n', start) + 1 : start
  const indent = isBlock ? (/^ */.exec(source.text.slice(firstLine).replace(/^\s*\n/, ''))?.[0].length ?? 0) : 0
  const { line } = place.manifest.at(firstLine)
  return new Manifest({ file: source.file, text: place.text ?? '' }, { line, column: indent })
}

/** Whether kustomize would fetch the path from the network. Source: https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/resource/ */
export function isRemote(path: string): boolean {
  return /:\/\/|^git@|^[\w.-]+\.[a-z]{2,}[:/].*\/|\?(ref|version|timeout|submodules)=/.test(path)
}

export function slashed(path: string): string {
  return path.replaceAll('\\', '/')
}

/** The text as a kustomization; undefined if it is not one. */
export function kustomizationOf(manifest: Manifest): Kustomization | undefined {
  const [document] = manifest.documents
  return document !== undefined && isKustomization(manifest.source.file)
    ? new Kustomization(manifest, document)
    : undefined
}

/** The files and directories that a kustomization builds from; empty for another text. */
export function neededBy(source: Source): string[] {
  const kustomization = isKustomization(source.file) ? kustomizationOf(new Manifest(source)) : undefined
  if (kustomization === undefined) return []
  return [...kustomization.resources, ...kustomization.components, ...kustomization.patchFiles]
}
