import type { Need } from './needs.js'
import type { Stage } from './stage.js'
import type { StageOptions, WhiteStage } from './white-box/stage.js'

/** A sentence about what a client, a kubelet or a user sees, and its test. */
export interface Behaviour<Needs extends string = Need> {
  /** The sentence. */
  readonly name: string
  /** What the server must have for the test. */
  readonly needs: readonly Needs[]
  /** How a server in this process is set up. A server in its own process ignores these options. */
  readonly stage: StageOptions
  /** What a server must do to keep the sentence. */
  readonly remedy: string
  /** The test. It throws, with what it saw, if the server breaks the sentence. */
  readonly see: See
}

/** Thrown by a test if the server has not reached the state that the sentence is about, so that the sentence is neither kept nor broken. */
export class Unaskable extends Error {}

export type See = (stage: Stage) => Promise<void>

/** Behaviours that belong together. */
export interface Room<Needs extends string = Need> {
  readonly name: string
  readonly behaviours: readonly Behaviour<Needs>[]
}

/** The remedy of a sentence, if it differs from the remedy of its room. */
export interface Remedy {
  readonly remedy: string
}

/** A test, or an array of needs, options and a remedy with the test as its last item. */
export type Sentence<Needs extends string = Need> = See | readonly [...(Needs | StageOptions | Remedy)[], See]
export type Sentences<Needs extends string = Need> = Readonly<Record<string, Sentence<Needs>>>

/** Makes the same sentence for each of several things. */
export function each<Thing, Needs extends string = Need>(
  things: readonly Thing[],
  say: (thing: Thing) => [name: string, Sentence<NoInfer<Needs>>],
): Sentences<Needs> {
  return Object.fromEntries(things.map(say))
}

/** The test of a white-box sentence. It reads the state of a server in this process, or needs a handler of the contract's own application. */
export function inside(see: (stage: WhiteStage) => Promise<void>): See {
  return see as See
}

/**
 * Makes a room.
 * @param needed The needs of all its behaviours.
 * @param remedy The remedy of the sentences without their own.
 * @param sentences The tests by sentence, with additional needs.
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
