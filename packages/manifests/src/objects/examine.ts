import { consult, escapePointer, isInstalled, type Kind, namesIn, packageOf, schemaOf } from './schema.js'

/**
 * Holds an object of the Kubernetes API against the published schema of its kind: what is wrong with it, and which keys
 * the schema does not know. Those of Kubernetes, Argo Rollouts and KEDA are at hand, where their packages are installed.
 * @returns undefined if no package has a schema of that kind
 */
export function examine<Each extends Kind>(object: Each): string[] | undefined {
  const schema = schemaOf(object)
  if (schema === undefined) {
    const name = packageOf(object)
    return name === undefined || !isInstalled(name) ? undefined : [`${object.apiVersion} has no kind ${object.kind}`]
  }
  const { complaints, known } = consult(schema, object)
  const wrong = complaints.map(({ instancePath, message }) => `${pathOf(instancePath)} ${message}`)
  const unknown = [...known].flatMap(([pointer, keys]) => {
    const place = namesIn(pointer).reduce<unknown>((each, name) => (each as Record<string, unknown>)?.[name], object)
    return Object.keys(place as object)
      .filter((key) => !keys.has(key))
      .map((key) => `${pathOf(`${pointer}/${escapePointer(key)}`)} is unknown`)
  })
  return [...wrong, ...unknown]
}

/** `spec.containers.0.image` */
function pathOf(pointer: string): string {
  return namesIn(pointer).join('.')
}
