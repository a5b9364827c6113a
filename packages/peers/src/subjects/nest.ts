import { once } from 'node:events'
import type { Server } from 'node:http'
import type { DynamicModule, INestApplication } from '@nestjs/common'
import { type Application, ownApplication, type Running, type Subject } from '@podrain/contract'
import { Drain } from '@podrain/core'
import { PodrainModule } from '@podrain/nestjs'
import { WebSocketServer } from 'ws'
import type { OurNeed } from '../behaviours/behaviour.js'
import { type DrainingNest, mortal, sigterm } from '../libraries/library.js'
import { route } from './express.js'
import { echo } from './node.js'
import { abilities, optionsOf, running } from './ours.js'
import type { OurSubject } from './subject.js'

const server = 'NestJS 12 (Express)'
const has: readonly OurNeed[] = ['http1', 'plain']

/** The application, in NestJS. */
async function build(application: Application, imports: DynamicModule[]): Promise<INestApplication> {
  const { NestFactory } = await import('@nestjs/core')
  const root = { module: class Root {}, imports }
  const app = await NestFactory.create(root, { bodyParser: false, logger: false })
  route(app.getHttpAdapter().getInstance(), application)
  if (application.webSocket) echo(new WebSocketServer({ server: app.getHttpServer() }))
  return app
}

function listenWith(app: INestApplication): NonNullable<Running['listen']> {
  return (where) => ('path' in where ? app.listen(where.path) : app.listen(where.port, where.host))
}

export const nestSubject: OurSubject = {
  name: server,
  has: [...has, ...abilities],
  async start(application) {
    const app = await build(application, [PodrainModule.forRoot(optionsOf(application))])
    PodrainModule.attach(app)
    return running(app.getHttpServer(), app.get(Drain), { listen: listenWith(app), dispose: () => app.close() })
  },
}

/** NestJS with another library. */
export function peerOnNest(library: string, drains: DrainingNest): Subject {
  return {
    name: `${library} on ${server}`,
    has: [...has, ...ownApplication, 'websocket'],
    async start(application) {
      const { imports, setUp } = await drains(application.terms)
      const app = await build(application, imports)
      // The same keepAliveTimeout as that of the other compared servers.
      const server: Server = Object.assign(app.getHttpServer(), { keepAliveTimeout: 1000 })
      setUp(app)
      const running = mortal(server, application, async (exit) => {
        sigterm(exit)
        await once(server, 'close')
        exit(0)
      })
      return { ...running, listen: listenWith(app) }
    },
  }
}
