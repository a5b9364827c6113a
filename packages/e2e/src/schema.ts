/** An object of the Kubernetes API, as it is written in a manifest. */
export interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string }
}

/** Packages that carry published schemas, and what they are of. */
const packages = [
  ['kubernetes-models', /^(v1|[a-z]+\/v\w+|[\w.]+\.k8s\.io\/v\w+)$/],
  ['@kubernetes-models/argo-rollouts', /^argoproj\.io\//],
  ['@kubernetes-models/keda', /^keda\.sh\//],
] as const

/**
 * Holds a manifest against the published schema of its kind.
 * @returns what is wrong with it; `undefined` if no package at hand has a schema of that kind
 */
export function problems(manifest: Manifest): string[] | undefined {
  const { apiVersion, kind } = manifest
  const [name] = packages.find(([, versions]) => versions.test(apiVersion)) ?? []
  if (name === undefined) return undefined
  let module: Record<string, new (data: object) => { validate(): void }>
  try {
    module = require(`${name}/${apiVersion}/${kind}`)
  } catch {
    return [`${apiVersion} has no kind ${kind}`]
  }
  const Model = module[kind]
  if (!Model) return [`${apiVersion} has no kind ${kind}`]
  const seen = new Watched(manifest)
  try {
    // Not by its constructor, which reads and copies all there is.
    const model: InstanceType<typeof Model> = Object.create(Model.prototype)
    Object.assign(model, seen.value)
    model.validate()
  } catch (error) {
    return [(error as Error).message]
  }
  return seen.unread().map((path) => `${path} is unknown`)
}

/**
 * The schemas allow keys that they do not know, and a misspelt one is passed over by Kubernetes, too. But who validates reads every key
 * that the schema has; so what nobody has read is none of it.
 */
class Watched {
  readonly value: unknown
  readonly #unread = new Map<string, true>()

  constructor(value: unknown) {
    this.value = this.#wrap(value, '')
  }

  unread(): string[] {
    // Of what is unknown as a whole its parts are, too.
    const all = [...this.#unread.keys()]
    return all.filter((path) => !all.some((other) => path.startsWith(`${other}.`)))
  }

  #wrap(value: unknown, path: string): unknown {
    if (typeof value !== 'object' || value === null) return value
    const copy: Record<string, unknown> = Array.isArray(value) ? ([] as never) : {}
    for (const [key, each] of Object.entries(value)) {
      const at = path === '' ? key : `${path}.${key}`
      copy[key] = this.#wrap(each, at)
      if (!Array.isArray(value)) this.#unread.set(at, true)
    }
    return new Proxy(copy, {
      get: (target, key, receiver) => {
        if (typeof key === 'string') this.#unread.delete(path === '' ? key : `${path}.${key}`)
        return Reflect.get(target, key, receiver)
      },
    })
  }
}
