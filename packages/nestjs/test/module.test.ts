import 'reflect-metadata'
import type { AddressInfo } from 'node:net'
import { type DynamicModule, Global, type INestApplication, Module, type Provider } from '@nestjs/common'
import { ConfigModule, ConfigService } from '@nestjs/config'
import { NestFactory } from '@nestjs/core'
import { Transport } from '@nestjs/microservices'
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify'
import { HealthCheckService, HealthIndicatorService, TerminusModule } from '@nestjs/terminus'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type AdapterOptions, Drain, PodrainModule } from '../src/index.js'
import { ask } from './support.js'

const quiet = { logger: false, signals: false } as const
const silent = { logger: false, abortOnError: false } as const

/** An application module. */
function moduleWith(podrain: DynamicModule, providers: Provider[] = []): DynamicModule {
  class AppModule {}
  Module({})(AppModule)
  return { module: AppModule, imports: [podrain], providers }
}

/** Records the shutdown hooks, each with the signal. */
function recorder(): { calls: string[]; provider: Provider } {
  const calls: string[] = []
  const record =
    (name: string) =>
    (signal?: string): void =>
      void calls.push(signal === undefined ? name : `${name} ${signal}`)
  const useValue = {
    onModuleDestroy: record('onModuleDestroy'),
    beforeApplicationShutdown: record('beforeApplicationShutdown'),
    onApplicationShutdown: record('onApplicationShutdown'),
  }
  return { calls, provider: { provide: 'recorder', useValue } }
}

const allHooks = ['onModuleDestroy', 'beforeApplicationShutdown', 'onApplicationShutdown']

async function listening(app: INestApplication): Promise<number> {
  onTestFinished(() => app.close())
  await app.listen(0, '127.0.0.1')
  return (app.getHttpServer().address() as AddressInfo).port
}

test('the control port says 503 while providers still start', async () => {
  const lines: string[] = []
  const logger = { info: (line: string) => void lines.push(line), warn() {}, error() {} }
  const probed: unknown[] = []
  const probes = {
    async onModuleInit() {
      await expect.poll(() => lines.find((line) => line.includes('control endpoints'))).toBeDefined()
      const port = /port (\d+)$/.exec(lines.find((line) => line.includes('control endpoints')) ?? '')?.[1]
      probed.push((await fetch(`http://127.0.0.1:${port}/readyz`)).status)
    },
  }
  class Early {}
  Module({})(Early)
  // The module that podrain is imported after begins first.
  const early = { module: Early, providers: [{ provide: 'probes', useValue: probes }] }
  class AppModule {}
  Module({ imports: [early, PodrainModule.forRoot({ logger, signals: false, controlPort: 0 })] })(AppModule)
  const app = await NestFactory.create(AppModule, silent)
  PodrainModule.attach(app)
  await listening(app)
  expect(probed).toEqual([503])
  const port = /port (\d+)$/.exec(lines.find((line) => line.includes('control endpoints')) ?? '')?.[1]
  expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200)
})

describe('an application that closes itself', () => {
  test('releases the process, and runs the hooks once', async () => {
    const before = process.listenerCount('SIGTERM')
    const { calls, provider } = recorder()
    const app = await NestFactory.create(moduleWith(PodrainModule.forRoot({ logger: false }), [provider]), silent)
    PodrainModule.attach(app)
    await app.listen(0, '127.0.0.1')
    const drain = app.get(Drain)
    drain.onClose(() => calls.push('drain.onClose'))
    expect(process.listenerCount('SIGTERM')).toBeGreaterThan(before)
    await app.close()
    expect(process.listenerCount('SIGTERM')).toBe(before)
    expect(drain.state).toBe('closed')
    expect(calls.toSorted()).toEqual([...allHooks, 'drain.onClose'].toSorted())
  })

  test('does not dispose of a drain that was passed in', async () => {
    const drain = new Drain(quiet)
    const app = await NestFactory.create(moduleWith(PodrainModule.forRoot({ drain })), silent)
    await app.listen(0, '127.0.0.1')
    expect(app.get(Drain)).toBe(drain)
    await app.close()
    expect(drain.state).toBe('serving')
    await drain.dispose()
  })

  test('during a drain: the report names the place that closed the server, and no hook runs twice', async () => {
    const { calls, provider } = recorder()
    const app = await NestFactory.create(moduleWith(PodrainModule.forRoot(quiet), [provider]), silent)
    PodrainModule.attach(app)
    await app.listen(0, '127.0.0.1')
    const drain = app.get(Drain)
    drain.onDrain(() => app.close())
    expect(await drain.start({ settle: false })).toMatchObject({ clean: false, closedEarly: [expect.any(String)] })
    expect(calls).toEqual(allHooks)
  })
})

describe('a drain without a signal', () => {
  test('runs the hooks without a signal name', async () => {
    const { calls, provider } = recorder()
    const app = await NestFactory.create(moduleWith(PodrainModule.forRoot(quiet), [provider]), silent)
    PodrainModule.attach(app)
    await app.listen(0, '127.0.0.1')
    expect(await app.get(Drain).start({ settle: false })).toMatchObject({ clean: true })
    expect(calls).toEqual(allHooks)
  })

  test('closes an application context, which has no server', async () => {
    const { calls, provider } = recorder()
    const app = await NestFactory.createApplicationContext(moduleWith(PodrainModule.forRoot(quiet), [provider]), silent)
    PodrainModule.attach(app)
    expect(await app.get(Drain).start({ reason: 'SIGTERM', settle: false })).toMatchObject({ clean: true })
    expect(calls).toEqual(['onModuleDestroy', 'beforeApplicationShutdown SIGTERM', 'onApplicationShutdown SIGTERM'])
  })

  test('closes a microservice', async () => {
    const { calls, provider } = recorder()
    const app = await NestFactory.createMicroservice(moduleWith(PodrainModule.forRoot(quiet), [provider]), {
      ...silent,
      transport: Transport.TCP,
      options: { host: '127.0.0.1', port: 0 },
    })
    PodrainModule.attach(app)
    await app.listen()
    expect(await app.get(Drain).start({ settle: false })).toMatchObject({ clean: true })
    expect(calls).toEqual(allHooks)
  })

  test('closes the microservices of a hybrid application after its last request', async () => {
    const { calls, provider } = recorder()
    const app = await NestFactory.create(moduleWith(PodrainModule.forRoot(quiet), [provider]), silent)
    const microservice = app.connectMicroservice({ transport: Transport.TCP, options: { host: '127.0.0.1', port: 0 } })
    PodrainModule.attach(app)
    await app.startAllMicroservices()
    await app.listen(0, '127.0.0.1')
    const server = microservice.unwrap<import('node:net').Server>()
    app.get(Drain).waitUntil(Promise.resolve().then(() => calls.push(`microservice listening: ${server.listening}`)))
    expect(await app.get(Drain).start({ settle: false })).toMatchObject({ clean: true })
    expect(calls).toEqual(['microservice listening: true', ...allHooks])
    expect(server.listening).toBe(false)
  })
})

describe('forRootAsync()', () => {
  test('takes options from a ConfigService', async () => {
    const podrain = PodrainModule.forRootAsync({
      imports: [ConfigModule.forRoot({ ignoreEnvFile: true, load: [() => ({ grace: 60 })] })],
      inject: [ConfigService],
      useFactory: async (config: ConfigService) => ({
        ...quiet,
        terminationGracePeriodSeconds: config.getOrThrow<number>('grace'),
      }),
    })
    const app = await NestFactory.create(moduleWith(podrain), silent)
    await listening(app)
    expect(app.get(Drain).times.gracePeriod).toBe(60_000)
  })

  test('takes checks from the health indicators of @nestjs/terminus', async () => {
    let isUp = false
    class Database {
      static readonly inject = [HealthIndicatorService]
      readonly #indicators: HealthIndicatorService
      constructor(indicators: HealthIndicatorService) {
        this.#indicators = indicators
      }
      check() {
        const indicator = this.#indicators.check('database')
        return isUp ? indicator.up() : indicator.down()
      }
    }
    class HealthModule {}
    Global()(HealthModule)
    Module({
      imports: [TerminusModule.forRoot({ logger: false })],
      providers: [
        {
          provide: Database,
          useFactory: (indicators: HealthIndicatorService) => new Database(indicators),
          inject: [HealthIndicatorService],
        },
      ],
      exports: [Database, TerminusModule],
    })(HealthModule)
    const podrain = PodrainModule.forRootAsync({
      imports: [HealthModule],
      inject: [HealthCheckService, Database],
      useFactory: (health: HealthCheckService, database: Database): AdapterOptions => ({
        ...quiet,
        checks: { health: () => health.check([() => database.check()]) },
      }),
    })
    const app = await NestFactory.create(moduleWith(podrain), silent)
    const port = await listening(app)
    expect(await ask(port, '/readyz')).toMatchObject({ status: 503 })
    isUp = true
    expect(await ask(port, '/readyz')).toMatchObject({ status: 200 })
  })
})

describe('a mistake', () => {
  test('in an option: NestFactory.create() throws', async () => {
    const podrain = PodrainModule.forRoot({ ...quiet, terminationGracePeriodSecond: 30 } as AdapterOptions)
    await expect(NestFactory.create(moduleWith(podrain), silent)).rejects.toThrow(/terminationGracePeriodSecond/)
  })

  test('the module is not imported: attach() throws', async () => {
    class AppModule {}
    Module({})(AppModule)
    const app = await NestFactory.create(AppModule, silent)
    expect(() => PodrainModule.attach(app)).toThrow(/could not find PodrainModule/)
  })
})

test('on Fastify, the endpoints also answer requests without a connection, such as those of inject()', async () => {
  const app = await NestFactory.create<NestFastifyApplication>(
    moduleWith(PodrainModule.forRoot(quiet)),
    new FastifyAdapter(),
    silent,
  )
  await listening(app)
  expect(await app.inject('/livez')).toMatchObject({ statusCode: 200 })
  expect(await app.inject('/elsewhere')).toMatchObject({ statusCode: 404 })
})
