import { consult, escapePointer, isInstalled, type Kind, namesIn, packageOf, schemaOf } from './schema.js'

/**
 * Validates an object of the Kubernetes API with the published schema of its kind. There are schemas for Kubernetes, Argo Rollouts
 * and KEDA, if their packages are installed.
 * @returns A phrase for each mistake and each unknown key, such as `spec.replicaz is unknown`; undefined if no package has a schema
 * for the kind.
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
