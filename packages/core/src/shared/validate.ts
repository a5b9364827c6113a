import { inspect } from 'node:util'
import { nearestTo } from './nearest.js'

/** @throws {TypeError | RangeError} with the expectation and the given value */
export function fail(Kind: TypeErrorConstructor | RangeErrorConstructor, expectation: string, given: unknown): never {
  throw new Kind(`${expectation}, got \`${inspect(given, { depth: 0 })}\``)
}

export function duration(name: string, value: unknown): void {
  if (typeof value !== 'number') fail(TypeError, `Expected \`${name}\` to be a number of milliseconds`, value)
  if (!(value >= 0) || value === Number.POSITIVE_INFINITY) {
    fail(RangeError, `Expected \`${name}\` to be 0 or more milliseconds`, value)
  }
}

/** A duration that is not 0. Whoever sets 0 often wants to turn something off. */
export function positiveDuration(name: string, value: unknown): void {
  duration(name, value)
  if (value === 0) fail(RangeError, `Expected \`${name}\` to be more than 0 milliseconds`, value)
}

export function boolean(name: string, value: unknown): void {
  if (typeof value !== 'boolean') fail(TypeError, `Expected \`${name}\` to be true or false`, value)
}

export function method(name: string, value: unknown, key: string): void {
  if (typeof (value as Record<string, unknown> | null)?.[key] !== 'function') {
    fail(TypeError, `Expected \`${name}\` to have a method \`${key}\``, value)
  }
}

/**
 * Checks that a value is an object of options. If it is a request, the application has mounted the factory itself, `app.use(drain)`
 * in place of `app.use(drain())`.
 */
export function plainObject(name: string, value: unknown): asserts value is object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    fail(TypeError, `Expected \`${name}\` to be an object`, value)
  }
  if ('req' in value || 'httpVersion' in value) {
    throw new TypeError(
      '`drain` was mounted without a call and got a request for its options: write `app.use(drain())`',
    )
  }
}

export function knownKeys(kind: string, value: object, allowed: readonly string[]): void {
  for (const key of Object.keys(value)) {
    if (allowed.includes(key)) continue
    const nearest = nearestTo(key, allowed)
    const remedy = nearest
      ? `did you mean \`${nearest}\`?`
      : `expected one of ${allowed.map((name) => `\`${name}\``).join(', ')}`
    // The error does not show the value, which may be a secret under a misspelt name.
    throw new TypeError(`Unknown ${kind} \`${key}\`: ${remedy}`)
  }
}
