import http from 'node:http'
import http2 from 'node:http2'
import { setTimeout as sleep } from 'node:timers/promises'
import { createTerminus } from '@godaddy/terminus'
import { drainServer } from '@podrain/core'
import { gracefulShutdown as podrainForFastify } from '@podrain/fastify'
import type { PreStop } from '@podrain/rehearsal'
import closeWithGrace from 'close-with-grace'
import fastify, { type FastifyInstance } from 'fastify'
import fastifyGracefulShutdown from 'fastify-graceful-shutdown'
import httpGracefulShutdown from 'http-graceful-shutdown'
import httpShutdown from 'http-shutdown'
import { createHttpTerminator } from 'http-terminator'
import LilHttpTerminator from 'lil-http-terminator'
import stoppable from 'stoppable'
import { echo, endEventStreams, handle, routes } from './application.js'

/** A shutdown library, set up for Kubernetes as its own README advises. */
export interface Contender {
  readonly name: string
  /** The packages whose versions decide what it does. */
  readonly packages: readonly string[]
  /** How the library is set up, so that a reader can judge whether the comparison is fair. */
  readonly advised: string
  /** The preStop hook. A library that does not wait for load balancers by itself gets a sleep. */
  readonly preStop?: PreStop
  /** The path of the readiness probe. @default '/readyz' */
  readonly ready?: string
  /** Whether the clients speak HTTP/2. Otherwise there are clients of every other kind. @default false */
  readonly http2?: boolean
  listen(host: string, port: number): unknown
}

/** Milliseconds in which load balancers stop sending. */
const delay = 5000
/** Milliseconds that a grace period of 30 s leaves after `delay`, less a reserve of 1 s. */
const rest = 24_000
/** Milliseconds of a grace period of 30 s, less a reserve of 1 s. */
const whole = 29_000

const sleeps: PreStop = { sleep: { seconds: delay / 1000 } }
const hook: PreStop = { httpGet: { path: '/prestop' } }

function plain(): http.Server {
  const server = http.createServer(handle)
  echo(server)
  return server
}

async function onFastify(host: string, port: number, setUp: (app: FastifyInstance) => unknown): Promise<void> {
  const app = fastify()
  await setUp(app)
  for (const [path, answer] of Object.entries(routes)) {
    if (path === '/readyz' && app.hasDecorator('drain')) continue
    app.route({
      method: path === '/upload' ? 'POST' : 'GET',
      url: path,
      handler(request, reply) {
        reply.hijack()
        void answer(request.raw, reply.raw)
      },
    })
  }
  // Without this parser Fastify would read the body before the route does.
  app.addContentTypeParser('text/plain', (_request, _payload, done) => done(null))
  echo(app.server)
  await app.listen({ host, port })
}

const others: readonly Contender[] = [
  {
    name: 'nothing',
    packages: [],
    advised: 'No signal handler: Node ends at SIGTERM.',
    listen: (host, port) => plain().listen(port, host),
  },
  {
    name: 'server.close()',
    packages: [],
    advised: 'SIGTERM → `server.close(() => process.exit(0))`, after a preStop sleep of 5 s.',
    preStop: sleeps,
    listen(host, port) {
      const server = plain().listen(port, host)
      process.on('SIGTERM', () => {
        endEventStreams()
        server.close(() => process.exit(0))
      })
    },
  },
  {
    name: 'http-terminator',
    packages: ['http-terminator'],
    advised:
      '`await httpTerminator.terminate()` at SIGTERM, `gracefulTerminationTimeout` 24 s, after a preStop sleep of 5 s.',
    preStop: sleeps,
    listen(host, port) {
      const server = plain().listen(port, host)
      const terminator = createHttpTerminator({ server, gracefulTerminationTimeout: rest })
      process.on('SIGTERM', async () => {
        endEventStreams()
        await terminator.terminate()
        process.exit(0)
      })
    },
  },
  {
    name: 'lil-http-terminator',
    packages: ['lil-http-terminator'],
    advised:
      '`await httpTerminator.terminate()` at SIGTERM, `gracefulTerminationTimeout` and `maxWaitTimeout` 24 s, after a ' +
      'preStop sleep of 5 s.',
    preStop: sleeps,
    listen(host, port) {
      const server = plain().listen(port, host)
      const terminator = LilHttpTerminator({ server, gracefulTerminationTimeout: rest, maxWaitTimeout: rest })
      process.on('SIGTERM', async () => {
        endEventStreams()
        await terminator.terminate()
        process.exit(0)
      })
    },
  },
  {
    name: 'stoppable',
    packages: ['stoppable'],
    advised: '`stoppable(server, 24000)`, `server.stop()` at SIGTERM, after a preStop sleep of 5 s.',
    preStop: sleeps,
    listen(host, port) {
      const server = stoppable(plain(), rest).listen(port, host) as ReturnType<typeof stoppable>
      process.on('SIGTERM', () => {
        endEventStreams()
        server.stop((_error, gracefully) => process.exit(gracefully ? 0 : 1))
      })
    },
  },
  {
    name: 'http-shutdown',
    packages: ['http-shutdown'],
    advised: '`server = httpShutdown(server)`, `server.shutdown()` at SIGTERM, after a preStop sleep of 5 s.',
    preStop: sleeps,
    listen(host, port) {
      const server = httpShutdown(plain())
      server.listen(port, host)
      process.on('SIGTERM', () => {
        endEventStreams()
        server.shutdown(() => process.exit(0))
      })
    },
  },
  {
    name: '@godaddy/terminus',
    packages: ['@godaddy/terminus', 'stoppable'],
    advised:
      '`createTerminus(server, { healthChecks, beforeShutdown: 5 s, useExit0: true, timeout: 24000 })`, no hook.',
    listen(host, port) {
      const server = plain()
      createTerminus(server, {
        healthChecks: { '/healthcheck': async () => {} },
        beforeShutdown: () => sleep(delay).then(endEventStreams),
        useExit0: true,
        timeout: rest,
      })
      server.listen(port, host)
    },
  },
  {
    name: 'lightship',
    packages: ['lightship'],
    advised:
      '`shutdownDelay` 5 s, a beacon for each request, a shutdown handler that waits for `server.close()`; no hook.',
    async listen(host, port) {
      // The CommonJS build of lightship cannot be loaded with `require`.
      const { createLightship } = await import('lightship')
      const ship = await createLightship({
        shutdownDelay: delay,
        gracefulShutdownTimeout: rest,
        shutdownHandlerTimeout: rest,
        detectKubernetes: false, // with Kubernetes detected, all pods of this machine would listen on the same port for probes
        port: 0,
      })
      const server = plain()
      server.prependListener('request', (_request, response) => {
        const beacon = ship.createBeacon()
        response.once('close', () => beacon.die())
      })
      ship.registerShutdownHandler(() => new Promise((resolve) => server.close(() => resolve())))
      // Shutdown handlers run when no beacon is left, and an open event stream has a beacon.
      process.on('SIGTERM', () => void sleep(delay).then(endEventStreams))
      server.listen(port, host, () => ship.signalReady())
    },
  },
  {
    name: 'http-graceful-shutdown',
    packages: ['http-graceful-shutdown'],
    advised: '`gracefulShutdown(server, { timeout: 24000, preShutdown: 5 s })`, no hook.',
    listen(host, port) {
      const server = plain()
      httpGracefulShutdown(server, {
        timeout: rest,
        preShutdown: () => sleep(delay).then(endEventStreams),
        forceExit: true,
      })
      server.listen(port, host)
    },
  },
  {
    name: '@gquittet/graceful-server',
    packages: ['@gquittet/graceful-server'],
    advised:
      '`GracefulServer(server, { kubernetes: true, timeout: 5000 })`, `readinessProbe` of `/ready`; no hook. It serves on ' +
      'for 5 s, and then destroys every connection.',
    ready: '/ready',
    async listen(host, port) {
      const { default: GracefulServer } = await import('@gquittet/graceful-server')
      const server = plain()
      const graceful = GracefulServer(server, { kubernetes: true, timeout: delay })
      graceful.on(GracefulServer.SHUTTING_DOWN, endEventStreams)
      server.listen(port, host, () => graceful.setReady())
    },
  },
  {
    name: 'close-with-grace + Fastify',
    packages: ['close-with-grace', 'fastify'],
    advised: '`closeWithGrace({ delay: 24000 }, () => app.close())`, after a preStop sleep of 5 s.',
    preStop: sleeps,
    listen: (host, port) =>
      onFastify(host, port, (app) => {
        closeWithGrace({ delay: rest }, async () => {
          endEventStreams()
          await app.close()
        })
      }),
  },
  {
    name: 'fastify-graceful-shutdown',
    packages: ['fastify-graceful-shutdown', 'fastify'],
    advised: '`app.register(fastifyGracefulShutdown, { timeout: 29000 })`, a handler that waits 5 s; no hook.',
    listen: (host, port) =>
      onFastify(host, port, async (app) => {
        await app.register(fastifyGracefulShutdown, { timeout: whole })
        app.after(() => {
          app.gracefulShutdown(async () => {
            await sleep(delay)
            endEventStreams()
          })
        })
      }),
  },
  {
    name: 'nestjs-graceful-shutdown',
    packages: ['nestjs-graceful-shutdown', 'http-terminator', '@nestjs/core'],
    advised:
      '`GracefulShutdownModule.forRoot({ gracefulShutdownTimeout: 24000 })`, `setupGracefulShutdown({ app })`, after a ' +
      'preStop sleep of 5 s.',
    preStop: sleeps,
    async listen(host, port) {
      const { NestFactory } = await import('@nestjs/core')
      const { GracefulShutdownModule, setupGracefulShutdown } = await import('nestjs-graceful-shutdown')
      const imports = [GracefulShutdownModule.forRoot({ gracefulShutdownTimeout: rest })]
      const app = await NestFactory.create({ module: class Root {}, imports }, { bodyParser: false, logger: false })
      app.use(handle)
      echo(app.getHttpServer())
      process.once('SIGTERM', endEventStreams)
      setupGracefulShutdown({ app })
      await app.listen(port, host)
    },
  },
  {
    name: 'server.close(), HTTP/2',
    packages: [],
    advised: 'The same on `node:http2`, with sessions closed.',
    preStop: sleeps,
    http2: true,
    listen(host, port) {
      const server = http2.createServer(handle as never).listen(port, host)
      const sessions = new Set<http2.ServerHttp2Session>()
      server.on('session', (session) => {
        sessions.add(session)
        session.on('close', () => sessions.delete(session))
      })
      process.on('SIGTERM', () => {
        server.close(() => process.exit(0))
        for (const session of sessions) session.close()
      })
    },
  },
]

const ours: readonly Contender[] = [
  {
    name: 'podrain on node:http',
    packages: ['@podrain/core'],
    advised: '`drainServer(server)`, hook `httpGet /prestop`, everything else by default.',
    preStop: hook,
    listen(host, port) {
      const server = plain()
      const drain = drainServer(server, { progress: false })
      drain.onDrain(endEventStreams)
      server.listen(port, host)
    },
  },
  {
    name: 'podrain on Fastify',
    packages: ['@podrain/fastify', 'fastify'],
    advised: '`app.register(gracefulShutdown)`, hook `httpGet /prestop`, everything else by default.',
    preStop: hook,
    listen: (host, port) =>
      onFastify(host, port, async (app) => {
        await app.register(podrainForFastify, { logger: console })
        app.drain.onDrain(endEventStreams)
      }),
  },
  {
    name: 'podrain, HTTP/2',
    packages: ['@podrain/core'],
    advised:
      '`drainServer(server)` of `node:http2`, no hook: the kubelet speaks no HTTP/2, and SIGTERM alone does the same.',
    http2: true,
    listen(host, port) {
      const server = http2.createServer(handle as never)
      drainServer(server)
      server.listen(port, host)
    },
  },
]

export const contenders: readonly Contender[] = [...ours, ...others]
