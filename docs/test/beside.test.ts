import { describe, expect, test } from 'vitest'
import { start } from './program.js'

const head = "import http from 'node:http'\nimport { drainServer } from '@podrain/core'\n"
const server = 'const server = http.createServer((_request, response) => response.end())\ndrainServer(server)\n'
const listening = '\nserver.listen(8080)'

/** Libraries beside podrain, each wired as its README advises. */
const libraries: ReadonlyArray<[name: string, imports: string, wired: string]> = [
  ['close-with-grace', 'closeWithGrace', `closeWithGrace({ delay: 500 }, async () => server.close())`],
  ['@godaddy/terminus', '{ createTerminus }', `createTerminus(server, { useExit0: true, onSignal: async () => {} })`],
  [
    'lightship',
    '{ createLightship }',
    `const lightship = await createLightship({ detectKubernetes: false, shutdownDelay: 0 })
     lightship.registerShutdownHandler(async () => server.close())
     lightship.signalReady()`,
  ],
  [
    'http-terminator',
    '{ createHttpTerminator }',
    `const terminator = createHttpTerminator({ server })
     process.on('SIGTERM', async () => await terminator.terminate())`,
  ],
  [
    'lil-http-terminator',
    'HttpTerminator',
    `const terminator = HttpTerminator({ server })
     process.on('SIGTERM', async () => { await terminator.terminate(); process.exit(0) })`,
  ],
  ['stoppable', 'stoppable', `stoppable(server); process.on('SIGTERM', () => server.stop())`],
  [
    'http-shutdown',
    'httpShutdown',
    `httpShutdown(server); process.on('SIGTERM', () => server.shutdown(() => process.exit(0)))`,
  ],
  ['http-graceful-shutdown', 'gracefulShutdown', `gracefulShutdown(server, { onShutdown: async () => {} })`],
  [
    '@gquittet/graceful-server',
    'GracefulServer',
    `const { default: createServer = GracefulServer } = GracefulServer
     createServer(server, { timeout: 100, closePromises: [async () => {}] })`,
  ],
]

const fastify = `
import Fastify from 'fastify'
import fastifyGracefulShutdown from 'fastify-graceful-shutdown'
import { gracefulShutdown } from '@podrain/fastify'
const app = Fastify()
await app.register(gracefulShutdown, { logger: console })
await app.register(fastifyGracefulShutdown)
app.after(() => app.gracefulShutdown(async () => {}))
await app.listen({ port: 8080 })`

const nest = `
import { Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { GracefulShutdownModule, setupGracefulShutdown } from 'nestjs-graceful-shutdown'
import { drain } from '@podrain/express'
class Application {}
Module({ imports: [GracefulShutdownModule.forRoot({ cleanup: () => {} })] })(Application)
const app = await NestFactory.create(Application, { logger: false })
drain().watch(app.getHttpServer())
setupGracefulShutdown({ app })
await app.listen(8080)`

describe.concurrent('a library that ends servers, left beside podrain, is called after the drain, and the exit code is 0:', () => {
  test.for<[name: string, code: string]>([
    ...libraries.map(([name, imports, wired]): [string, string] => [
      name,
      `${head}import ${imports} from '${name}'\n${server}${wired}${listening}`,
    ]),
    ['fastify-graceful-shutdown', fastify],
    ['nestjs-graceful-shutdown', nest],
  ])('%s', async ([, code], context) => {
    const service = start(context, { code, type: 'module', framework: 'express', folder: 'packages/bench' })
    await service.listening()
    service.signal('SIGTERM')
    expect([await service.exit, service.output]).toEqual([
      [0, null],
      expect.stringMatching(/drained in .*; nothing cut\npodrain: calling the other listeners of SIGTERM/),
    ])
  })
})
