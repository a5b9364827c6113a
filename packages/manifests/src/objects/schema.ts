import { bundled } from '../shared/bundled.js'

/** What a validator complains about; it is ajv's. */
export interface Complaint {
  /** `/spec/replicas` */
  readonly instancePath: string
  readonly keyword: string
  readonly params: Readonly<Record<string, unknown>>
}

/** A schema as ajv compiles it: a function that says whether a value is valid, and keeps what it has against it. */
export interface Schema {
  (value: unknown): boolean
  errors: readonly Complaint[] | null
}

/** What the schema has to say to an object. */
export interface Answer {
  readonly complaints: readonly Complaint[]
  /** For each object in it, by its pointer: the keys that the schema knows. Maps, whose keys are free, are not here. */
  readonly known: ReadonlyMap<string, ReadonlySet<string>>
}

/** The Kubernetes of these schemas. Source: https://github.com/tommy351/kubernetes-models-ts, first-party/kubernetes-models/CHANGELOG.md */
export const newest = '1.36'

/** What `bundles/schemas.mjs` makes. */
interface Schemas {
  /** By `apps/v1/Deployment`. */
  readonly validators: Readonly<Record<string, Schema>>
  /** Gives each complaint its `message`. */
  localize(complaints: readonly Complaint[]): void
}

/** Loaded when a schema is first wanted: it is a megabyte. */
function schemas(): Schemas {
  return bundled('schemas')
}

/** Which kind of object it is. */
export interface Kind {
  readonly apiVersion: string
  readonly kind: string
}

/** The schema of such an object; undefined for a kind that podrain does not look at. */
export function schemaOf({ apiVersion, kind }: Kind): Schema | undefined {
  const { validators } = schemas()
  const key = `${apiVersion}/${kind}`
  return Object.hasOwn(validators, key) ? validators[key] : undefined
}

/** The schema of what pods are made from, for kinds that have none of their own. */
export function podTemplateSchema(): Schema | undefined {
  return schemaOf({ apiVersion: 'v1', kind: 'PodTemplateSpec' })
}

/** What a schema complains about, in words: `must be string`. */
export function messageOf(complaint: Complaint): string {
  const told: Complaint & { message?: string } = { ...complaint }
  schemas().localize([told])
  return told.message ?? complaint.keyword
}

/**
 * Asks the schema. The published validators are compiled: they know their keys, but cannot be asked for them, and ignore
 * keys that they do not know. So they are shown an object that notes what they look at: they look at each key they know.
 */
export function consult(schema: Schema, value: unknown): Answer {
  const known = new Map<string, Set<string>>()
  const free = new Set<string>()
  const isValid = schema(noting(value, '', known, free))
  for (const pointer of free) known.delete(pointer)
  return { complaints: isValid ? [] : (schema.errors ?? []), known }
}

function noting(value: unknown, pointer: string, known: Map<string, Set<string>>, free: Set<string>): unknown {
  if (typeof value !== 'object' || value === null) return value
  const isList = Array.isArray(value)
  return new Proxy(value, {
    get(target, key, receiver) {
      const found: unknown = Reflect.get(target, key, receiver)
      if (typeof key === 'symbol' || (isList && !/^\d+$/.test(key))) return found
      if (!isList) {
        const keys = known.get(pointer)
        if (keys === undefined) known.set(pointer, new Set([key]))
        else keys.add(key)
        // Not what every object inherits: `constructor` is no key of a manifest.
        if (!Object.hasOwn(target, key)) return undefined
      }
      return noting(found, `${pointer}/${escapePointer(key)}`, known, free)
    },
    ownKeys(target) {
      if (!isList) free.add(pointer)
      return Reflect.ownKeys(target)
    },
  })
}

export function escapePointer(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1')
}

/** The names in a pointer; those of list items are numbers. */
export function namesIn(pointer: string): Array<string | number> {
  return pointer
    .split('/')
    .slice(1)
    .map((name) => (/^\d+$/.test(name) ? Number(name) : name.replaceAll('~1', '/').replaceAll('~0', '~')))
}
