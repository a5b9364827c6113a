import { parseArgs } from 'node:util'
import { type Directories, here } from './results.js'

/** What all benches take: numbers by name, and where to write to. */
export function options<Name extends string>(
  defaults: Readonly<Record<Name, number>>,
): Record<Name, number> & Directories {
  const names = Object.keys(defaults) as Name[]
  const { values } = parseArgs({
    options: Object.fromEntries([...names, 'results', 'docs'].map((name) => [name, { type: 'string' as const }])),
  })
  const numbers = names.map((name) => {
    const value = Number(values[name] ?? defaults[name])
    if (!(value > 0)) throw new RangeError(`Expected --${name} to be a number above 0, got ${values[name]}`)
    return [name, value]
  })
  return { ...here, ...values, ...Object.fromEntries(numbers) }
}
