import type { Behaviour } from '../behaviour.js'
import { run } from '../run.js'
import type { Terms } from '../stage.js'
import { WhiteStage } from './stage.js'
import type { Subject } from './subject.js'

/**
 * Runs the test of a behaviour with a server in this process.
 * @param terms The times, unless the behaviour has its own.
 * @throws {Unaskable} if the behaviour could not be tested
 * @throws {Error} with what the test saw, if the server breaks the sentence
 */
export function runInside(
  { see, stage, needs }: Behaviour<string>,
  subject: Subject,
  terms: Partial<Terms> = {},
): Promise<void> {
  const options = { ...stage, terms: { ...terms, ...stage.terms } }
  return run({ see }, () => WhiteStage.set(subject, options, !needs.includes('http1')))
}
