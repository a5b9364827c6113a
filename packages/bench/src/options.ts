import { parseArgs } from 'node:util'
import { here } from './results.js'

/** The options that all benches have: the directories to write to. */
const directories = { results: here.results, docs: here.docs }

/**
 * The options of the command line by name. An option whose default is a number is a number.
 * @throws {RangeError} if a number is not above 0
 */
export function options<Defaults extends Record<string, number | string>>(
  defaults: Defaults,
): { [Name in keyof Defaults]: Defaults[Name] extends number ? number : string } & typeof directories {
  const all: Record<string, number | string> = { ...directories, ...defaults }
  const { values } = parseArgs({
    options: Object.fromEntries(Object.keys(all).map((name) => [name, { type: 'string' as const }])),
  })
  const given = Object.entries(values).map(([name, text]) => {
    if (typeof all[name] !== 'number') return [name, text]
    const value = Number(text)
    if (!(value > 0)) throw new RangeError(`Expected --${name} to be a number above 0, got ${text}`)
    return [name, value]
  })
  return { ...all, ...Object.fromEntries(given) }
}
