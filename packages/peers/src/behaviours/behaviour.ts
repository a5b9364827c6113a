import { type Behaviour, missing, type Need, needs, type See } from '@podrain/contract'
import type { OurStage } from '../subjects/subject.js'

/** The additional needs of sentences about our adapters, with the reason why a sentence does not apply. */
const ourNeeds = {
  watch: 'takes no server',
  beforehand: 'has no drain before its server listens',
  fastify: 'about Fastify alone',
  middleware: 'about middleware alone',
} as const

export type OurNeed = Need | keyof typeof ourNeeds

const reasons: Readonly<Record<OurNeed, string>> = { ...needs, ...ourNeeds }

/** Why a behaviour does not apply to a server that has these needs; undefined if it applies. */
export function whyNotAsked(behaviour: Behaviour<OurNeed>, has: readonly string[]): string | undefined {
  const need = missing(behaviour, has)
  return need && reasons[need]
}

/** The test of a sentence that reads the state of a server with our drain. */
export function ours(see: (stage: OurStage) => Promise<void>): See {
  return see as See
}
