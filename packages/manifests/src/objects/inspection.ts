import { isMap } from 'yaml'
import { keyOf, type Place } from '../text/place.js'
import { templateOf, templatesOf } from './pod.js'
import type { Resource } from './resource.js'
import { type Complaint, consult, namesIn, podTemplateSchema, type Schema, schemaOf } from './schema.js'

/** A key that a schema does not know, and what there is to find out what was meant. */
export interface UnknownKey {
  /** What the schema is of, and as plain JavaScript. */
  readonly root: Place
  readonly schema: Schema
  readonly value: unknown
  /** The keys that the schema knows for each object in it. */
  readonly known: ReadonlyMap<string, ReadonlySet<string>>
  /** The object that has it, and the keys that it could have. */
  readonly pointer: string
  readonly keys: ReadonlySet<string>
  readonly key: string
}

/** An object, or the pod in it, held against its schema. */
export interface Inspection {
  readonly root: Place
  readonly complaints: readonly Complaint[]
  readonly unknown: readonly UnknownKey[]
  /** Whether the object may be right all the same, as its kind is developed faster than the schema at hand is published. */
  readonly mayBeNewer: boolean
}

/** Objects that have to do with how pods end. A mistake in a ConfigMap is somebody else's business. */
export const concernedKinds: ReadonlySet<string> = new Set([
  'Service',
  'Ingress',
  'PodDisruptionBudget',
  'HorizontalPodAutoscaler',
  'ScaledObject',
])

/** Of which the schema at hand may be older than what runs. */
const custom = new Set(['Rollout', 'CloneSet', 'ScaledObject'])

const known = new WeakMap<Resource, readonly Inspection[]>()

/** What the schemas have to say to an object. */
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
  // A fragment says no version, and a custom resource knows an old pod, if any: the pod is looked at for itself.
  const template = podTemplateSchema()
  if (template === undefined || (schema !== undefined && !isCustom)) return inspections
  for (const way of templatesOf(resource)) {
    const place = resource.get(...way)
    // What stands in no template has fields of its own beside the pod's.
    if (isMap(place.node) && (isKnown || place.get('spec').exists)) inspections.push(hold(place, template, !isKnown))
  }
  return inspections
}

function hold(root: Place, schema: Schema, mayBeNewer: boolean): Inspection {
  const { value } = root
  const { complaints, known } = consult(schema, value)
  const unknown = [...known].flatMap(([pointer, keys]) =>
    keysAt(root.get(...namesIn(pointer)))
      // What kubectl and controllers write, and every object may have.
      .filter((key) => !keys.has(key) && !(pointer === '' && key === 'status'))
      .map((key): UnknownKey => ({ root, schema, value, known, pointer, keys, key })),
  )
  return { root, complaints, unknown, mayBeNewer }
}

/** The keys that are written there, without merges and what is for another program. */
function keysAt({ node }: Place): string[] {
  if (!isMap(node)) return []
  return node.items.flatMap((pair) => {
    const key = keyOf(pair)
    return key === '<<' || key.startsWith('$') || typeof pair.key === 'symbol' || key.startsWith('Symbol(') ? [] : [key]
  })
}
