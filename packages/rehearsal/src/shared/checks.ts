import { statSync } from 'node:fs'

/**
 * Rejects the value of an option. The message names the option, the expectation and the value.
 * @throws RangeError for a number, TypeError for anything else.
 */
export function refuse(option: string, expected: string, value: unknown): never {
  const shown = typeof value === 'function' ? 'a function' : (JSON.stringify(value) ?? String(value))
  const Kind = typeof value === 'number' ? RangeError : TypeError
  throw new Kind(`Expected \`${option}\` to be ${expected}, got \`${shown}\``)
}

export function number(option: string, value: unknown, min: number, max: number, unit: string): number {
  if (typeof value === 'number' && value >= min && value <= max) return value
  return refuse(option, `a number of ${unit} from ${min} to ${max}`, value)
}

export function integer(option: string, value: unknown, min: number, max: number): number {
  if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) return value as number
  return refuse(option, `a whole number from ${min} to ${max}`, value)
}

export function port(option: string, value: unknown): number {
  return integer(option, value, 1, 65_535)
}

export function text(option: string, value: unknown): string {
  return typeof value === 'string' && value !== '' ? value : refuse(option, 'a string that is not empty', value)
}

export function flag(option: string, value: unknown): boolean {
  return typeof value === 'boolean' ? value : refuse(option, 'true or false', value)
}

export function oneOf<T extends string>(option: string, value: unknown, known: readonly T[]): T {
  return known.includes(value as T) ? (value as T) : refuse(option, `one of ${known.join(', ')}`, value)
}

export function directory(option: string, value: unknown): string {
  if (typeof value !== 'string' || !statSync(value, { throwIfNoEntry: false })?.isDirectory()) {
    refuse(option, 'a directory that exists', value)
  }
  return value
}

export function path(option: string, value: unknown): string {
  if (typeof value === 'string' && /^\/[\x21-\x7e]*$/.test(value)) return value
  return refuse(option, 'a path that begins with / and holds no spaces', value)
}

/** Checks that `value` is an object with no keys but `known`, so that a misspelt option is an error. */
export function record<T extends object>(option: string, value: T, known: readonly string[]): T {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) refuse(option, 'an object', value)
  for (const key of Object.keys(value)) {
    if (!known.includes(key)) {
      const where = option === 'options' ? '' : ` in \`${option}\``
      throw new TypeError(`Unknown option \`${key}\`${where}; expected one of ${known.join(', ')}`)
    }
  }
  return value
}

export function strings(option: string, value: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  record(option, value, Object.keys(value ?? {}))
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') refuse(`${option}.${key}`, 'a string', text)
  }
  return value
}
