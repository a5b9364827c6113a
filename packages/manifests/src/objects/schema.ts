import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const requireHere = createRequire(__filename)

/** What a validator of kubernetes-models complains about; it is ajv's. */
export interface Complaint {
  /** `/spec/replicas` */
  readonly instancePath: string
  readonly keyword: string
  readonly params: Readonly<Record<string, unknown>>
  readonly message?: string
}

/** What the schema has to say to an object. */
export interface Answer {
  readonly complaints: readonly Complaint[]
  /** For each object in it, by its pointer: the keys that the schema knows. Maps, whose keys are free, are not here. */
  readonly known: ReadonlyMap<string, ReadonlySet<string>>
}

/** What the package has for a kind of object: a class whose instances can say whether they are valid. */
export interface Schema {
  validate(): void
}

/** The Kubernetes of these schemas. Source: https://github.com/tommy351/kubernetes-models-ts, first-party/kubernetes-models/CHANGELOG.md */
export const newest = '1.36'

const schemas = new Map<string, Schema | undefined>()

/** The packages that carry schemas, and the versions of the API that are theirs. Kruise publishes none. */
const packages = [
  ['kubernetes-models', /^(v\d\w*|[a-z]+\/v\w+|[a-z.]+\.k8s\.io\/v\w+)$/],
  ['@kubernetes-models/argo-rollouts', /^argoproj\.io\/v\w+$/],
  ['@kubernetes-models/keda', /^keda\.sh\/v\w+$/],
] as const

/** Which kind of object it is. */
export interface Kind {
  readonly apiVersion: string
  readonly kind: string
}

/** The package that would carry the schema of such an object. */
export function packageOf({ apiVersion }: Kind): string | undefined {
  return packages.find(([, versions]) => versions.test(apiVersion))?.[0]
}

/** Two of them are optional. */
export function isInstalled(name: string): boolean {
  try {
    requireHere.resolve(`${name}/package.json`)
    return true
  } catch {
    return false
  }
}

/** The schema of such an object; undefined if no package carries it. Loaded when it is first wanted: there are hundreds. */
export function schemaOf(object: Kind): Schema | undefined {
  const name = packageOf(object)
  const { apiVersion, kind } = object
  return name === undefined || !/^[A-Za-z]+$/.test(kind) ? undefined : load(name, `${apiVersion}/${kind}`, kind)
}

/** The schema of what pods are made from, for kinds that have none of their own. */
export function podTemplateSchema(): Schema | undefined {
  return load('kubernetes-models', 'v1/PodTemplateSpec', 'PodTemplateSpec')
}

function load(name: string, path: string, kind: string): Schema | undefined {
  const key = `${name}/${path}`
  if (!schemas.has(key)) schemas.set(key, tryToLoad(name, path, kind))
  return schemas.get(key)
}

function tryToLoad(name: string, path: string, kind: string): Schema | undefined {
  let model: { prototype: Schema } | undefined
  try {
    // An ES module, which may be required since Node 20.19, but not by its name: the package gives that to `import` only.
    const file = join(dirname(requireHere.resolve(`${name}/package.json`)), `${path}.js`)
    model = (requireHere(file) as Record<string, typeof model>)[kind]
  } catch (error) {
    // The kind is not in the package, or the optional package is not installed.
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined
    throw error
  }
  return model?.prototype
}

/**
 * Asks the schema. The published validators are compiled: they know their keys, but cannot be asked for them, and pass over
 * keys that they do not know. So they are shown an object that notes what they look at: they look at each key they know.
 */
export function consult(schema: Schema, value: unknown): Answer {
  const known = new Map<string, Set<string>>()
  const free = new Set<string>()
  try {
    const instance: unknown = Object.assign(Object.create(schema), value)
    schema.validate.call(noting(instance, '', known, free))
  } catch (error) {
    const { errors } = error as { errors?: readonly Complaint[] }
    if (!Array.isArray(errors)) throw error
    for (const pointer of free) known.delete(pointer)
    return { complaints: errors as readonly Complaint[], known }
  }
  for (const pointer of free) known.delete(pointer)
  return { complaints: [], known }
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
