import { isMap } from 'yaml'
import { Place } from '../text/place.js'
import type { Manifest } from '../text/source.js'

/** One Kubernetes object: a document, or an item of a `List`. */
export class Resource {
  readonly place: Place
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly namespace: string | undefined
  /** The object as it is in the file, if this is a corrected copy with misplaced keys at the right level. */
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

  /** Kind and name: `Deployment/web`. */
  get label(): string {
    return `${this.kind}/${this.name || '?'}`
  }

  get group(): string {
    return this.apiVersion.includes('/') ? (this.apiVersion.split('/')[0] ?? '') : ''
  }

  /** An annotation as text, also if its value is a number or a boolean because the quotes are missing. */
  annotation(name: string): string | undefined {
    return textOf(this.place.get('metadata', 'annotations', name))
  }

  /** The place at a path in the object. */
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

/** Labels as text, including those of YAML merges. */
export function textsOf(place: Place): Readonly<Record<string, string>> {
  const { value } = place
  if (typeof value !== 'object' || value === null) return {}
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, each]) => (each === null ? [] : [[name, String(each)]])),
  )
}

/** All objects of a manifest, including those in Lists. A document without `kind` (Helm values, a kustomization) is not an object. */
export function resourcesOf(manifest: Manifest): Resource[] {
  return manifest.documents.flatMap((document) =>
    // A rendered text is in no file, so it cannot be edited.
    flatten(new Place({ manifest, document, shared: manifest.source.chart !== undefined }, document.contents)),
  )
}

export function flatten(place: Place, depth = 0): Resource[] {
  const kind = place.get('kind').text
  if (!isMap(place.node) || kind === undefined) return []
  const within = contentsOf(kind, place)
  if (within.exists && depth < 5) {
    // Each item is an object, so that paths begin at the item.
    return within.items.flatMap(({ origin, node }) => flatten(new Place(origin, node), depth + 1))
  }
  return [new Resource(place)]
}

/** The list of objects inside an object: of a List, an OpenShift Template, or a ManifestWork of Open Cluster Management. */
function contentsOf(kind: string, place: Place): Place {
  const version = place.get('apiVersion').text ?? ''
  if (kind === 'Template' && /^(template\.openshift\.io\/)?v1$/.test(version)) return place.get('objects')
  if (kind === 'ManifestWork') return place.get('spec', 'workload', 'manifests')
  return place.get(kind.endsWith('List') ? 'items' : '')
}

/** Whether both objects may be in the same namespace. An object without a namespace may be in any. */
export function sameNamespace(one: Resource, other: Resource): boolean {
  return one.namespace === undefined || other.namespace === undefined || one.namespace === other.namespace
}
