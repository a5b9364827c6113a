import { isMap } from 'yaml'
import { Place } from '../text/place.js'
import type { Manifest } from '../text/source.js'

/** One object of Kubernetes, wherever it stands: a document, or an item of a `List`. */
export class Resource {
  readonly place: Place
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly namespace: string | undefined
  /** As it stands in the file, where this is what it was meant to be: with what stands at the wrong level at the right one. */
  readonly written: Resource | undefined

  constructor(place: Place, written?: Resource) {
    this.place = place
    this.written = written
    this.apiVersion = place.get('apiVersion').text ?? ''
    this.kind = place.get('kind').text ?? ''
    this.name = place.get('metadata', 'name').text ?? ''
    this.namespace = place.get('metadata', 'namespace').text
  }

  get file(): string {
    return this.place.manifest.source.file
  }

  /** As people say it: `Deployment/web`. */
  get label(): string {
    return `${this.kind}/${this.name || '?'}`
  }

  get group(): string {
    return this.apiVersion.includes('/') ? (this.apiVersion.split('/')[0] ?? '') : ''
  }

  /** The text of an annotation; whoever forgot the quotes of `"true"` means the same. */
  annotation(name: string): string | undefined {
    return textOf(this.place.get('metadata', 'annotations', name))
  }

  /** Where something is further in. */
  get(...names: readonly (string | number)[]): Place {
    return this.place.get(...names)
  }
}

/** A label or annotation as text. */
export function textOf(place: Place): string | undefined {
  const { value } = place
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : undefined
}

/** Labels, with those that are merged in. */
export function textsOf(place: Place): Readonly<Record<string, string>> {
  const { value } = place
  if (typeof value !== 'object' || value === null) return {}
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, each]) => (each === null ? [] : [[name, String(each)]])),
  )
}

/** All objects of a manifest, those in Lists, too. A document without `kind` (values, a kustomization) is none. */
export function resourcesOf(manifest: Manifest): Resource[] {
  return manifest.documents.flatMap((document) =>
    // What was rendered stands in no file that could be edited.
    flatten(new Place({ manifest, document, shared: manifest.source.chart !== undefined }, document.contents)),
  )
}

export function flatten(place: Place, depth = 0): Resource[] {
  const kind = place.get('kind').text
  if (!isMap(place.node) || kind === undefined) return []
  const within = contentsOf(kind, place)
  if (within.exists && depth < 5) {
    // Each is an object of its own: paths begin with it.
    return within.items.flatMap(({ origin, node }) => flatten(new Place(origin, node), depth + 1))
  }
  return [new Resource(place)]
}

/** Where an object has others in it: a list, a template of OpenShift, or what Open Cluster Management brings to a cluster. */
function contentsOf(kind: string, place: Place): Place {
  const version = place.get('apiVersion').text ?? ''
  if (kind === 'Template' && /^(template\.openshift\.io\/)?v1$/.test(version)) return place.get('objects')
  if (kind === 'ManifestWork') return place.get('spec', 'workload', 'manifests')
  return place.get(kind.endsWith('List') ? 'items' : '')
}

/** Whether both may be in one namespace; what does not say goes wherever the other is. */
export function sameNamespace(one: Resource, other: Resource): boolean {
  return one.namespace === undefined || other.namespace === undefined || one.namespace === other.namespace
}
