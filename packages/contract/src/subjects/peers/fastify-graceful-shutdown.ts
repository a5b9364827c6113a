import fastifyGracefulShutdown from 'fastify-graceful-shutdown'
import { limit, onFastify, type Peer, settled } from './peer.js'

export const fastifyGracefulShutdownPeer: Peer = {
  name: 'fastify-graceful-shutdown',
  packages: ['fastify-graceful-shutdown', 'fastify'],
  wired:
    '`app.register(fastifyGracefulShutdown, { timeout })`, the time being the grace period, and a handler of ' +
    '`app.gracefulShutdown()` that waits for load balancers before it closes Fastify.',
  subjects: onFastify('fastify-graceful-shutdown', async (app, terms) => {
    await app.register(fastifyGracefulShutdown, { timeout: limit(terms) })
    app.gracefulShutdown(() => settled(terms))
  }),
}
