import { type DrainingFastify, type Library, limit, settled } from './library.js'

const drainsFastify: DrainingFastify = async (app, terms) => {
  const { default: fastifyGracefulShutdown } = await import('fastify-graceful-shutdown')
  await app.register(fastifyGracefulShutdown, { timeout: limit(terms) })
  app.gracefulShutdown(() => settled(terms))
}

export const fastifyGracefulShutdown: Library = {
  name: 'fastify-graceful-shutdown',
  packages: ['fastify-graceful-shutdown', 'fastify'],
  wired:
    '`app.register(fastifyGracefulShutdown, { timeout })`, the time being the grace period, and a handler of ' +
    '`app.gracefulShutdown()` that waits for load balancers before it closes Fastify.',
  drainsFastify,
}
