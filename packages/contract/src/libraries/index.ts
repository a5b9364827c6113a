import { closeWithGrace } from './close-with-grace.js'
import { fastifyGracefulShutdown } from './fastify-graceful-shutdown.js'
import { httpGracefulShutdown } from './http-graceful-shutdown.js'
import { httpTerminator } from './http-terminator.js'
import type { Library } from './library.js'
import { lightship } from './lightship.js'
import { serverClose } from './server-close.js'
import { stoppable } from './stoppable.js'
import { terminus } from './terminus.js'

/** What podrain is compared with, in the order of the tables. */
export const libraries: readonly Library[] = [
  serverClose,
  stoppable,
  terminus,
  httpTerminator,
  httpGracefulShutdown,
  lightship,
  closeWithGrace,
  fastifyGracefulShutdown,
]
