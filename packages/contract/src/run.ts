import type { Behaviour } from './behaviour.js'
import { needs } from './needs.js'
import { Stage } from './stage.js'
import type { Subject, Terms } from './subject.js'

/** What became of one behaviour of one server under test. */
export type Result =
  | { readonly outcome: 'kept' }
  | { readonly outcome: 'broken'; readonly why: string }
  | { readonly outcome: 'senseless'; readonly why: string }

/** Milliseconds after which a behaviour that has not shown is taken for broken. */
const patience = 25_000

/** Why the behaviour makes no sense for the server, if it does not. */
export function senseless({ needs: needed }: Behaviour, { has }: Subject): string | undefined {
  const missing = needed.find((need) => !has.includes(need))
  return missing && needs[missing]
}

/**
 * Puts the server on a stage of its own and looks.
 * @param terms where the behaviour says nothing else
 * @throws what it saw, if it is not so; {Unaskable} if it could not be asked
 */
export async function run(behaviour: Behaviour, subject: Subject, terms: Partial<Terms> = {}): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const options = { ...behaviour.stage, terms: { ...terms, ...behaviour.stage.terms } }
  const stage = await Stage.set(subject, options, !behaviour.needs.includes('http1'))
  try {
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`nothing to see for ${patience} ms: it hangs`)), patience)
    })
    await Promise.race([behaviour.see(stage), late])
  } finally {
    clearTimeout(timer)
    await stage.strike()
  }
}
