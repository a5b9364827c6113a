import websocket from '@fastify/websocket'
import type { Application } from '@podrain/contract'
import { type Drain, gracefulShutdown } from '@podrain/fastify'
import fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import type { OurNeed } from '../behaviours/behaviour.js'
import { certificate } from './certificate.js'
import { abilities, optionsOf, running } from './ours.js'
import { type OurSubject, settingOf } from './subject.js'

/** The transports of Fastify, with the needs that they meet. */
export const transports: Record<string, { has: readonly OurNeed[]; options: () => object }> = {
  http: { has: ['http1', 'plain'], options: () => ({}) },
  https: { has: ['http1', 'tls'], options: async () => ({ https: await certificate() }) },
  http2: { has: ['http2'], options: () => ({ http2: true }) },
  'http2, allowHTTP1': {
    has: ['http1', 'http2', 'tls'],
    options: async () => ({ http2: true, https: { ...(await certificate()), allowHTTP1: true } }),
  },
}

/** The application, in Fastify. */
export async function build(
  application: Application,
  options: FastifyServerOptions & object,
  draining: (app: FastifyInstance) => Promise<void>,
): Promise<FastifyInstance> {
  const { fastify: parts = {} } = settingOf(application)
  const app = fastify({ ...options, ...parts.options } as FastifyServerOptions) as FastifyInstance
  await parts.before?.(app)
  if (parts.scoped) await app.register((scope: FastifyInstance) => draining(scope))
  else await draining(app)
  await parts.after?.(app)
  if (application.webSocket) await app.register(websocket)
  app.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
  for (const { method, path, takesOver, handle } of application.routes) {
    app.route({
      method,
      url: path,
      handler: async (request, reply) => {
        if (takesOver) reply.hijack()
        const answer = await handle(request.raw, reply.raw)
        if (takesOver) return reply
        return typeof answer === 'object' && 'status' in answer ? reply.status(answer.status).send() : answer
      },
    })
  }
  if (application.webSocket) {
    app.register(async (scope) => {
      // An async handler, because the drain must not take its promise for a response.
      scope.get('/socket', { websocket: true }, async (socket) => {
        socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
      })
    })
  }
  await app.ready()
  return app
}

/** Listens with Fastify's own method. */
export function listenWith(app: FastifyInstance) {
  return (where: object): Promise<string> => app.listen(where)
}

export const fastifySubjects: readonly OurSubject[] = Object.entries(transports).map(([name, { has, options }]) => ({
  name: `Fastify 5 (${name})`,
  has: [...has, ...abilities, 'handlers', 'fastify'],
  async start(application) {
    let drain: Drain | undefined
    const app = await build(application, await options(), async (scope) => {
      await scope.register(gracefulShutdown, optionsOf(application))
      drain = scope.drain
    })
    return running(app.server, drain as Drain, { fastify: app, listen: listenWith(app), dispose: () => app.close() })
  },
}))
