import type { Stored } from './store.js'

/** The objects that a request selects. */
export interface Selection {
  /** The name, if the request selects a single object. */
  readonly name: string | undefined
  matches(stored: Stored): boolean
}

/**
 * Reads the selectors of a request: the field selector `metadata.name=…`, and the label selectors `key`, `key=value` and
 * `key in (a,b)`.
 * @throws {Error} for any other selector, because the response would be wrong
 */
export function selectionOf(query: URLSearchParams): Selection {
  const fields = query.get('fieldSelector') ?? ''
  const [, name] = /^metadata\.name=([^,]+)$/.exec(fields) ?? []
  if (fields !== '' && name === undefined)
    throw new Error(`the simulated API does not know the field selector ${fields}`)
  const labels = query.get('labelSelector') ?? ''
  const tests = labels === '' ? [] : labels.split(/,(?![^(]*\))/).map(testOf)
  return {
    name,
    matches: (stored) => (name === undefined || stored.name === name) && tests.every((test) => test(stored.labels)),
  }
}

function testOf(requirement: string): (labels: Readonly<Record<string, string>>) => boolean {
  const [, key = '', values, value] = /^([\w./-]+)(?: in \(([^)]*)\)|==?([\w.-]*))?$/.exec(requirement.trim()) ?? []
  if (key === '') throw new Error(`the simulated API does not know the label selector ${requirement}`)
  const wanted = values?.split(',').map((each) => each.trim()) ?? (value === undefined ? undefined : [value])
  return (labels) => labels[key] !== undefined && (wanted === undefined || wanted.includes(labels[key]))
}
