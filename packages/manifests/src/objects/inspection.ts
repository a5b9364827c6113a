import { isMap } from 'yaml'
import { keyOf, type Place } from '../text/place.js'
import { templateOf, templatesOf } from './pod.js'
import type { Resource } from './resource.js'
import { type Complaint, consult, namesIn, podTemplateSchema, type Schema, schemaOf } from './schema.js'

/** A key that a schema does not know, and what is needed to find out what was meant. */
export interface UnknownKey {
  /** The object that was validated. */
  readonly root: Place
  readonly schema: Schema
  /** The object as plain JavaScript. */
  readonly value: unknown
  /** The keys that the schema knows, by the pointer of each object in the value. */
  readonly known: ReadonlyMap<string, ReadonlySet<string>>
  /** The pointer of the object with the unknown key. */
  readonly pointer: string
  /** The keys that the schema knows for that object. */
  readonly keys: ReadonlySet<string>
  readonly key: string
}

/** The validation of an object, or of the pod template in it. */
export interface Inspection {
  readonly root: Place
  readonly complaints: readonly Complaint[]
  readonly unknown: readonly UnknownKey[]
  /** Whether the object may be valid nevertheless, because its kind may be newer than the schema. */
  readonly mayBeNewer: boolean
}

/** Kinds that matter for how pods end. Mistakes in other kinds, such as a ConfigMap, are not reported. */
export const concernedKinds: ReadonlySet<string> = new Set([
  'Service',
  'Ingress',
  'PodDisruptionBudget',
  'HorizontalPodAutoscaler',
  'ScaledObject',
])

/** Kinds whose schema may be older than the version in the cluster. */
const custom = new Set(['Rollout', 'CloneSet', 'ScaledObject'])

const known = new WeakMap<Resource, readonly Inspection[]>()

/** The validations of an object: of the whole object, and of pod templates in it. */
export function inspectionsOf(resource: Resource): readonly Inspection[] {
  let inspections = known.get(resource)
  if (inspections === undefined) {
    inspections = inspect(resource)
    known.set(resource, inspections)
  }
  return inspections
}

function inspect(resource: Resource): Inspection[] {
  const isKnown = templateOf(resource) !== undefined
  const isCustom = custom.has(resource.kind)
  const schema =
    isKnown || (concernedKinds.has(resource.kind) && resource.apiVersion !== '') ? schemaOf(resource) : undefined
  const inspections: Inspection[] = []
  if (schema !== undefined) {
    const whole = hold(resource.place, schema, isCustom)
    const isOwn = (pointer: string) => !isCustom || !pointer.startsWith('/spec/template')
    inspections.push({
      ...whole,
      complaints: whole.complaints.filter(({ instancePath }) => isOwn(instancePath)),
      unknown: whole.unknown.filter(({ pointer }) => isOwn(pointer)),
    })
  }
  // The pod template is validated by itself if there is no schema for the object (a fragment has no version), or if the schema of a
  // custom resource may contain an old pod template.
  const template = podTemplateSchema()
  if (template === undefined || (schema !== undefined && !isCustom)) return inspections
  for (const way of templatesOf(resource)) {
    const place = resource.get(...way)
    // An unknown kind may have its own fields beside those of the pod.
    if (isMap(place.node) && (isKnown || place.get('spec').exists)) inspections.push(hold(place, template, !isKnown))
  }
  return inspections
}

function hold(root: Place, schema: Schema, mayBeNewer: boolean): Inspection {
  const { value } = root
  const { complaints, known } = consult(schema, value)
  const unknown = [...known].flatMap(([pointer, keys]) =>
    keysAt(root.get(...namesIn(pointer)))
      // `status` is written by controllers, and every object may have it.
      .filter((key) => !keys.has(key) && !(pointer === '' && key === 'status'))
      .map((key): UnknownKey => ({ root, schema, value, known, pointer, keys, key })),
  )
  return { root, complaints, unknown, mayBeNewer }
}

/** The keys at a place, without YAML merges and keys for other programs. */
function keysAt({ node }: Place): string[] {
  if (!isMap(node)) return []
  return node.items.flatMap((pair) => {
    const key = keyOf(pair)
    return key === '<<' || key.startsWith('$') || typeof pair.key === 'symbol' || key.startsWith('Symbol(') ? [] : [key]
  })
}
