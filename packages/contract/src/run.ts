import { type Behaviour, Unaskable } from './behaviour.js'
import { needs } from './needs.js'
import { reasonOf } from './reason.js'
import type { Stage } from './stage.js'

/** What became of one behaviour of one server under test. */
export type Result =
  | { readonly outcome: 'kept' }
  | { readonly outcome: 'broken'; readonly why: string }
  | { readonly outcome: 'senseless'; readonly why: string }

/** Why the behaviour makes no sense for a server that has these, if it does not. */
export function senseless(behaviour: Behaviour, has: readonly string[]): string | undefined {
  const need = missing(behaviour, has)
  return need && needs[need]
}

/** The first thing that the behaviour needs, and a server that has these does not have. */
export function missing<Needs extends string>(
  { needs: needed }: Behaviour<Needs>,
  has: readonly string[],
): Needs | undefined {
  return needed.find((need) => !has.includes(need))
}

/**
 * Puts the server on a stage of its own and looks.
 * @param patience milliseconds after which a behaviour that has not shown is taken for broken
 * @throws what it saw, if it is not so; {Unaskable} if it could not be asked
 */
export async function run({ see }: Pick<Behaviour, 'see'>, set: () => Promise<Stage>, patience: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const stage = await set()
  try {
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`nothing to see for ${patience} ms: it hangs`)), patience)
    })
    await Promise.race([see(stage), late])
  } finally {
    clearTimeout(timer)
    await stage.strike()
  }
}

/** What a run that threw has shown. */
export function resultOf(error: unknown): Result {
  return { outcome: error instanceof Unaskable ? 'senseless' : 'broken', why: reasonOf(error) }
}
