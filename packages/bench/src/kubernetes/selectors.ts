import type { Stored } from './store.js'

/** Which objects a request is about. */
export interface Selection {
  /** If it is about one only. */
  readonly name: string | undefined
  matches(stored: Stored): boolean
}

/**
 * Reads the selectors of a request: `metadata.name=…` of fields; `key`, `key=value` and `key in (a,b)` of labels.
 * @throws {Error} for any other: who asks for it would be told a fairy tale
 */
export function selectionOf(query: URLSearchParams): Selection {
  const fields = query.get('fieldSelector') ?? ''
  const [, name] = /^metadata\.name=([^,]+)$/.exec(fields) ?? []
  if (fields !== '' && name === undefined) throw new Error(`a field selector that is not known: ${fields}`)
  const labels = query.get('labelSelector') ?? ''
  const tests = labels === '' ? [] : labels.split(/,(?![^(]*\))/).map(testOf)
  return {
    name,
    matches: (stored) => (name === undefined || stored.name === name) && tests.every((test) => test(stored.labels)),
  }
}

function testOf(requirement: string): (labels: Readonly<Record<string, string>>) => boolean {
  const [, key = '', values, value] = /^([\w./-]+)(?: in \(([^)]*)\)|==?([\w.-]*))?$/.exec(requirement.trim()) ?? []
  if (key === '') throw new Error(`a label selector that is not known: ${requirement}`)
  const wanted = values?.split(',').map((each) => each.trim()) ?? (value === undefined ? undefined : [value])
  return (labels) => labels[key] !== undefined && (wanted === undefined || wanted.includes(labels[key]))
}
