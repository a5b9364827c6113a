import type { Place } from '../text/place.js'
import type { Details } from './rule.js'

/** What is wrong with a value, and by which rule. */
export interface Problem {
  readonly rule: 'unknown-key' | 'misplaced-key' | 'wrong-type' | 'wrong-value' | 'missing-key'
  readonly place: Place
  readonly message: string
  readonly details: Details
}
