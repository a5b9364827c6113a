import { type Behaviour, Unaskable } from './behaviour.js'
import { needs } from './needs.js'
import { reasonOf } from './reason.js'
import type { Stage } from './stage.js'

/** The result of one behaviour of one server. `not asked` means that the sentence does not apply, or could not be tested. */
export type Result =
  | { readonly outcome: 'kept' }
  | { readonly outcome: 'broken'; readonly why: string }
  | { readonly outcome: 'not asked'; readonly why: string }

/** Milliseconds after the grace period in which a test must end. Otherwise the sentence counts as broken. */
const patience = 20_000

/** Why a behaviour does not apply to a server that has these needs; undefined if it applies. */
export function whyNotAsked(behaviour: Behaviour, has: readonly string[]): string | undefined {
  const need = missing(behaviour, has)
  return need && needs[need]
}

/** The first need of a behaviour that is not among `has`; undefined if the server meets all. */
export function missing<Needs extends string>(
  { needs: needed }: Behaviour<Needs>,
  has: readonly string[],
): Needs | undefined {
  return needed.find((need) => !has.includes(need))
}

/**
 * Runs the test of a behaviour on a new stage.
 * @param set Sets the stage up with the server.
 * @throws {Unaskable} if the behaviour could not be tested
 * @throws {Error} with what the test saw, if the server breaks the sentence or the test takes too long
 */
export async function run({ see }: Pick<Behaviour, 'see'>, set: () => Promise<Stage>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const stage = await set()
  try {
    const limit = stage.terms.grace + patience
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`nothing to see for ${limit} ms: it hangs`)), limit)
    })
    await Promise.race([see(stage), late])
  } finally {
    clearTimeout(timer)
    await stage.strike()
  }
}

/** The result of a test that has thrown. */
export function resultOf(error: unknown): Result {
  return { outcome: error instanceof Unaskable ? 'not asked' : 'broken', why: reasonOf(error) }
}
