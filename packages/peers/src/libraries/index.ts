import { closeWithGrace } from './close-with-grace.js'
import { fastifyGracefulShutdown } from './fastify-graceful-shutdown.js'
import { gracefulServer } from './graceful-server.js'
import { httpGracefulShutdown } from './http-graceful-shutdown.js'
import { httpShutdown } from './http-shutdown.js'
import { httpTerminator } from './http-terminator.js'
import type { Library } from './library.js'
import { lightship } from './lightship.js'
import { lilHttpTerminator } from './lil-http-terminator.js'
import { nestjsGracefulShutdown } from './nestjs-graceful-shutdown.js'
import { serverClose } from './server-close.js'
import { stoppable } from './stoppable.js'
import { terminus } from './terminus.js'

/** The libraries that podrain is compared with, in the order of the tables. */
export const libraries: readonly Library[] = [
  serverClose,
  stoppable,
  httpShutdown,
  terminus,
  httpTerminator,
  lilHttpTerminator,
  httpGracefulShutdown,
  lightship,
  gracefulServer,
  closeWithGrace,
  fastifyGracefulShutdown,
  nestjsGracefulShutdown,
]
