import type { Need } from './needs.js'
import type { Stage, StageOptions } from './stage.js'

/** One thing that a client, a kubelet or a user sees. */
export interface Behaviour {
  /** A sentence about it. */
  readonly name: string
  readonly needs: readonly Need[]
  /** What the server is to be like. */
  readonly stage: StageOptions
  /** Throws, with what it saw, if it is not so. */
  readonly see: See
}

/** Thrown by a behaviour when the server has not come as far as what the sentence is about. */
export class Unaskable extends Error {}

export type See = (stage: Stage) => Promise<void>

/** Behaviours that belong together. */
export interface Room {
  readonly name: string
  readonly behaviours: readonly Behaviour[]
}

/** What a sentence says, behind what it needs. */
export type Sentence = See | readonly [...(Need | StageOptions)[], See]
export type Sentences = Readonly<Record<string, Sentence>>

/** The same sentence about each of several things. */
export function each<Thing>(things: readonly Thing[], say: (thing: Thing) => [name: string, Sentence]): Sentences {
  return Object.fromEntries(things.map(say))
}

/**
 * Puts a room together.
 * @param needed what all of its behaviours need
 * @param sentences each with what it needs beyond that
 */
export function room(name: string, needed: readonly Need[], sentences: Sentences): Room {
  const behaviours = Object.entries(sentences).map(([name, entry]) => {
    const parts: readonly (Need | StageOptions | See)[] = typeof entry === 'function' ? [entry] : entry
    const own = parts.filter((part): part is Need => typeof part === 'string')
    const stage = parts.find((part): part is StageOptions => typeof part === 'object') ?? {}
    return { name, needs: [...needed, ...own], stage, see: parts.at(-1) as See }
  })
  return { name, behaviours }
}
