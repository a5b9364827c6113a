import { closeWithGracePeer } from './close-with-grace.js'
import { fastifyGracefulShutdownPeer } from './fastify-graceful-shutdown.js'
import { httpGracefulShutdown } from './http-graceful-shutdown.js'
import { httpTerminator } from './http-terminator.js'
import { lightship } from './lightship.js'
import type { Peer } from './peer.js'
import { podrain } from './podrain.js'
import { serverClose } from './server-close.js'
import { stoppablePeer } from './stoppable.js'
import { terminus } from './terminus.js'

/** Everything that is held to the contract for comparison, ours among it, in the order of the table. */
export const peers: readonly Peer[] = [
  podrain,
  serverClose,
  stoppablePeer,
  terminus,
  httpTerminator,
  httpGracefulShutdown,
  lightship,
  closeWithGracePeer,
  fastifyGracefulShutdownPeer,
]
