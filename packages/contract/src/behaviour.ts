import type { Need } from './needs.js'
import type { Stage } from './stage.js'
import type { StageOptions, WhiteStage } from './white-box/stage.js'

/** One thing that a client, a kubelet or a user sees. */
export interface Behaviour<Needs extends string = Need> {
  /** A sentence about it. */
  readonly name: string
  readonly needs: readonly Needs[]
  /** What the server is to be like, where that is up to us. */
  readonly stage: StageOptions
  /** What would keep the sentence, for whoever has broken it. */
  readonly remedy: string
  /** Throws, with what it saw, if it is not so. */
  readonly see: See
}

/** Thrown by a behaviour when the server has not come as far as what the sentence is about. */
export class Unaskable extends Error {}

export type See = (stage: Stage) => Promise<void>

/** Behaviours that belong together. */
export interface Room<Needs extends string = Need> {
  readonly name: string
  readonly behaviours: readonly Behaviour<Needs>[]
}

/** A remedy of the sentence's own, where it is another than that of its room. */
export interface Remedy {
  readonly remedy: string
}

/** What a sentence says, behind what it needs. */
export type Sentence<Needs extends string = Need> = See | readonly [...(Needs | StageOptions | Remedy)[], See]
export type Sentences<Needs extends string = Need> = Readonly<Record<string, Sentence<Needs>>>

/** The same sentence about each of several things. */
export function each<Thing, Needs extends string = Need>(
  things: readonly Thing[],
  say: (thing: Thing) => [name: string, Sentence<NoInfer<Needs>>],
): Sentences<Needs> {
  return Object.fromEntries(things.map(say))
}

/** A white-box sentence: it looks into the server, which is in the same process, or needs handlers of the contract's own. */
export function inside(see: (stage: WhiteStage) => Promise<void>): See {
  return see as See
}

/**
 * Puts a room together.
 * @param needed what all of its behaviours need
 * @param remedy what would keep them, where a sentence says nothing else
 * @param sentences each with what it needs beyond that
 */
export function room<Needs extends string = Need>(
  name: string,
  needed: readonly NoInfer<Needs>[],
  remedy: string,
  sentences: Sentences<NoInfer<Needs>>,
): Room<Needs> {
  const behaviours = Object.entries(sentences).map(([name, entry]) => {
    const parts: readonly (Needs | StageOptions | Remedy | See)[] = typeof entry === 'function' ? [entry] : entry
    const own = parts.filter((part): part is Needs => typeof part === 'string')
    const { remedy: better, ...stage } = Object.assign(
      {},
      ...parts.filter((part) => typeof part === 'object'),
    ) as StageOptions & Partial<Remedy>
    return { name, needs: [...needed, ...own], stage, remedy: better ?? remedy, see: parts.at(-1) as See }
  })
  return { name, behaviours }
}
