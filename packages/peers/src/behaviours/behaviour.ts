import { type Behaviour, missing, type Need, needs, type See } from '@podrain/contract'
import type { OurStage } from '../subjects/subject.js'

/** What sentences about our adapters need beside what every sentence may need. */
const ourNeeds = {
  watch: 'takes no server',
  beforehand: 'has no drain before its server listens',
  fastify: 'about Fastify alone',
  middleware: 'about middleware alone',
} as const

export type OurNeed = Need | keyof typeof ourNeeds

const reasons: Readonly<Record<OurNeed, string>> = { ...needs, ...ourNeeds }

/** Why the behaviour makes no sense for a server that has these, if it does not. */
export function senseless(behaviour: Behaviour<OurNeed>, has: readonly string[]): string | undefined {
  const need = missing(behaviour, has)
  return need && reasons[need]
}

/** A sentence that looks into a server with a drain of ours. */
export function ours(see: (stage: OurStage) => Promise<void>): See {
  return see as See
}
