import type { Behaviour } from '../behaviour.js'
import { run } from '../run.js'
import type { Terms } from '../stage.js'
import { WhiteStage } from './stage.js'
import type { Subject } from './subject.js'

/** Milliseconds after which a behaviour that has not shown is taken for broken. */
const patience = 25_000

/**
 * Sets a server up in this process and looks.
 * @param terms where the behaviour says nothing else
 * @throws what it saw, if it is not so; {Unaskable} if it could not be asked
 */
export function runInside(
  { see, stage, needs }: Behaviour<string>,
  subject: Subject,
  terms: Partial<Terms> = {},
): Promise<void> {
  const options = { ...stage, terms: { ...terms, ...stage.terms } }
  return run({ see }, () => WhiteStage.set(subject, options, !needs.includes('http1')), patience)
}
