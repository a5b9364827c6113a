import fastifyGracefulShutdown from 'fastify-graceful-shutdown'
import { type DrainingFastify, limit, onFastify, type Peer, settled } from './peer.js'

const drainsFastify: DrainingFastify = async (app, terms) => {
  await app.register(fastifyGracefulShutdown, { timeout: limit(terms) })
  app.gracefulShutdown(() => settled(terms))
}

export const fastifyGracefulShutdownPeer: Peer = {
  name: 'fastify-graceful-shutdown',
  packages: ['fastify-graceful-shutdown', 'fastify'],
  wired:
    '`app.register(fastifyGracefulShutdown, { timeout })`, the time being the grace period, and a handler of ' +
    '`app.gracefulShutdown()` that waits for load balancers before it closes Fastify.',
  drainsFastify,
  subjects: onFastify('fastify-graceful-shutdown', drainsFastify),
}
