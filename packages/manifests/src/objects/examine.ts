import { consult, escapePointer, type Kind, messageOf, namesIn, schemaOf } from './schema.js'

/**
 * Validates an object of the Kubernetes API with the published schema of its kind.
 * @returns A phrase for each mistake and each unknown key, such as `spec.replicaz is unknown`; undefined for a kind that podrain neither
 * looks at nor writes.
 */
export function examine<Each extends Kind>(object: Each): string[] | undefined {
  const schema = schemaOf(object)
  if (schema === undefined) return undefined
  const { complaints, known } = consult(schema, object)
  const wrong = complaints.map((complaint) => `${pathOf(complaint.instancePath)} ${messageOf(complaint)}`)
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
