import { rooms as forAll, type Room } from '@podrain/contract'
import type { OurNeed } from './behaviour.js'
import { fastify } from './fastify.js'
import { middleware } from './middleware.js'
import { servers } from './servers.js'

/** Every behaviour that is asked of our own servers: the contract, and what is peculiar to adapters. */
export const rooms: readonly Room<OurNeed>[] = [...forAll, middleware, fastify, servers]
