import { type AdapterOptions, attach, type Drain } from '@podrain/core'
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import fastifyPlugin from 'fastify-plugin'

declare module 'fastify' {
  interface FastifyInstance {
    /** The drain of this application. */
    drain: Drain
  }
}

/** The options of the plugin: the options of every adapter. The default of `logger` is `app.log`. */
export type GracefulShutdownOptions = AdapterOptions

const plugin: FastifyPluginAsync<GracefulShutdownOptions> = async (app, options) => {
  if (app === undefined) {
    throw new TypeError(
      'gracefulShutdown() was called: write `app.register(gracefulShutdown)`, with options as the second argument',
    )
  }
  if (app.hasDecorator('drain')) {
    throw new Error('gracefulShutdown is registered twice: register it once, at the root, before your other plugins')
  }
  const server = { server: app.server, close: () => app.close(), name: 'fastify.close()' }
  const { drain, handle, paths, release } = attach(options, server, app.log)
  app.decorate('drain', drain)
  // Unlike a watched server, the hook also sees requests to the second server that listen({ host: 'localhost' }) opens, and requests
  // of inject().
  app.addHook('onRequest', function podrainOnRequest(request, reply, done) {
    if (handle(request.raw, reply.raw)) reply.hijack()
    else done()
  })
  app.addHook('onRoute', (route) => {
    const { handler } = route
    route.handler = function podrainHandler(request, reply) {
      const handling = handler.call(this, request, reply)
      drain.handling(reply.raw, handling)
      return handling
    }
  })
  app.addHook('onReady', async () => {
    for (const [path, name] of paths) {
      if (![path, `${path}/`].some((url) => app.hasRoute({ method: 'GET', url }))) continue
      const instead = name === 'readyz' ? 'pass what the route checks in the option `checks`, or ' : ''
      drain.logger.warn(
        `this application has a route of its own for GET ${path}, which is never called, because podrain answers that path: ` +
          `${instead}turn podrain's endpoint off or move it, \`endpoints: { ${name}: false }\``,
      )
    }
  })
  // If the application calls app.close() itself, as in tests, the drain releases the process. In a committed drain this does nothing.
  app.addHook('onClose', async () => {
    if (!options.drain) await drain.dispose()
    else if (!drain.committed) release()
  })
}

/**
 * Fastify plugin that drains the application. Register it first, at the root. It decorates the application with `app.drain`.
 *
 * @example
 * await app.register(gracefulShutdown)
 *
 * @throws {TypeError | RangeError} from `register()`, for a wrong option
 * @throws {Error} from `register()`, if the plugin is registered twice, or if another drain watches the server
 */
export const gracefulShutdown: FastifyPluginAsync<GracefulShutdownOptions> = fastifyPlugin(plugin, {
  fastify: '5.x',
  name: '@podrain/fastify',
})

export type { AdapterOptions, Drain, FastifyInstance }
