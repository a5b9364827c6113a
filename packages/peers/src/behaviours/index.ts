import { rooms as forAll, type Room } from '@podrain/contract'
import type { OurNeed } from './behaviour.js'
import { fastify } from './fastify.js'
import { middleware } from './middleware.js'
import { servers } from './servers.js'

/** All behaviours that our own servers are tested for: the contract, and the sentences about our adapters. */
export const rooms: readonly Room<OurNeed>[] = [...forAll, middleware, fastify, servers]
