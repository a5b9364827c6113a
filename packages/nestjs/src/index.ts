import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { Inject, Logger, Module } from '@nestjs/common'
import { HttpAdapterHost } from '@nestjs/core'
import { type AdapterOptions, type Attachment, attach, Drain } from '@podrain/core'

// The declarations name no type of Nest. Nest 12 has ES modules only, so a declaration of this package, which is CommonJS, could not
// import them with `module: node16` (TS1479).

/** The options of `forRootAsync()`: a factory that returns the options of `forRoot()`. Nest calls it like any factory provider. */
export interface PodrainModuleAsyncOptions {
  /** The modules whose providers the factory uses. */
  imports?: object[]
  /** The injection tokens of the arguments of `useFactory`. */
  inject?: (string | symbol | object)[]
  // biome-ignore lint/suspicious/noExplicitAny: the arguments are those of the user's factory, as in Nest's FactoryProvider
  useFactory: (...args: any[]) => AdapterOptions | Promise<AdapterOptions>
}

/** The part of a dynamic module of Nest that a user needs. */
export interface DynamicModule {
  module: typeof PodrainModule
}

/** The part of an application, a microservice or an application context that the module uses. */
export interface NestApplicationLike {
  get(token: typeof PodrainModule, options: { strict: boolean }): PodrainModule
  close(signal?: string): Promise<void>
}

/** The part of Nest's HttpAdapterHost that the module uses. */
export interface AdapterHost {
  /** undefined in a microservice, and in an application context. */
  readonly httpAdapter?: { getHttpServer(): Server | undefined; getType(): string; getInstance(): unknown } | undefined
}

/** The part of Fastify that the module uses. */
interface Fastify {
  addHook(name: 'onRequest', hook: (request: { raw: IncomingMessage }, reply: Reply, done: () => void) => void): unknown
}
interface Reply {
  readonly raw: ServerResponse
  hijack(): unknown
}

const optionsToken = Symbol('podrain options')

/**
 * NestJS module. Import it once, in the root module. `Drain` can then be injected anywhere.
 *
 * @example
 * const app = await NestFactory.create(AppModule) // which imports PodrainModule.forRoot()
 * PodrainModule.attach(app)
 * await app.listen(8080, '0.0.0.0')
 */
export class PodrainModule {
  /** The drain of this application. */
  readonly drain: Drain
  readonly #host: AdapterHost
  readonly #attachment: Attachment
  readonly #ownsDrain: boolean
  /** The application to close. undefined until `attach()`. */
  #app: NestApplicationLike | undefined
  /** Nest's shutdown, begun by the drain or by the application. Resolves at the last step of the shutdown. */
  readonly #shutdown: Promise<void>
  #shutdownBegun = false
  #shutdownEnds!: () => void

  /** Nest calls the constructor, with the options of `forRoot()`. */
  constructor(options: AdapterOptions, host: AdapterHost) {
    this.#host = host
    this.#ownsDrain = options.drain === undefined
    // A microservice and an application context have no server.
    this.#attachment = attach(options, host.httpAdapter ? 'later' : false, nestLogger())
    this.drain = this.#attachment.drain
    this.#shutdown = new Promise((resolve) => {
      this.#shutdownEnds = resolve
    })
    this.drain.on('commit', ({ reason = '' }) => {
      const signal = reason.startsWith('SIG') ? reason : undefined
      const close = (): unknown => (this.#shutdownBegun ? this.#shutdown : this.#app?.close(signal))
      // This hook is added last, so that it runs first: the other `onClose` hooks close what Nest's shutdown hooks still use.
      if (this.#app) this.drain.onClose(close, { name: 'app.close()' })
    })
    this.drain.on('report', () => {
      // The check is made at the exit, because Nest's own listener of the signal may run the hooks after the report.
      if (!this.#shutdownBegun) process.once('exit', () => this.#warnWithoutShutdown())
    })
  }

  /**
   * Adds a drain with its control endpoints to the application. The default of `logger` is Nest's logger.
   * @throws {TypeError | RangeError} from `NestFactory.create()`, for a wrong option
   * @throws {Error} from `app.init()`, if another drain watches the server
   */
  static forRoot(options: AdapterOptions = {}): DynamicModule {
    return PodrainModule.forRootAsync({ useFactory: () => options })
  }

  /** Does the same as `forRoot()`, with options from a factory: for options of a ConfigService, or checks that use other providers. */
  static forRootAsync({ imports = [], inject = [], useFactory }: PodrainModuleAsyncOptions): DynamicModule {
    const options = { provide: optionsToken, useFactory, inject }
    const drain = { provide: Drain, useFactory: (module: PodrainModule) => module.drain, inject: [PodrainModule] }
    const module = { module: PodrainModule, global: true, imports, providers: [options, drain], exports: [Drain] }
    return module
  }

  /**
   * Passes the application to the module, because Nest gives no module a reference to it. When the last request has been answered, the
   * drain calls `app.close()` with the name of the signal, which runs Nest's shutdown hooks. So `enableShutdownHooks()` is not needed.
   * It does no harm.
   * @throws {Error} if the application does not import the module
   */
  static attach(app: NestApplicationLike): void {
    app.get(PodrainModule, { strict: false }).#app = app
  }

  /** Nest calls this before the server listens. In the constructor there is no server yet. */
  onModuleInit(): void {
    const { httpAdapter } = this.#host
    const server = httpAdapter?.getHttpServer()
    if (!httpAdapter || !server) return // a microservice, or an application context
    const { watch, handle } = this.#attachment
    watch(server)
    if (httpAdapter.getType() !== 'fastify') return
    // Unlike a watched server, the hook also sees requests to the second server that `listen(8080, 'localhost')` opens, and requests of
    // inject().
    const fastify = httpAdapter.getInstance() as Fastify
    fastify.addHook('onRequest', (request, reply, done) => {
      if (handle(request.raw, reply.raw)) reply.hijack()
      else done()
    })
  }

  /** Nest calls this when its shutdown begins. */
  onModuleDestroy(): void {
    this.#shutdownBegun = true
  }

  /** Releases the process if the application calls app.close() itself, as in tests. Does nothing in a committed drain. */
  async onApplicationShutdown(): Promise<void> {
    this.#shutdownEnds()
    if (this.#ownsDrain) await this.drain.dispose()
    else if (!this.drain.committed) this.#attachment.release()
  }

  #warnWithoutShutdown(): void {
    if (this.#shutdownBegun) return
    this.drain.logger.warn(
      "Nest's shutdown hooks have not run (onModuleDestroy, beforeApplicationShutdown, onApplicationShutdown): call " +
        '`PodrainModule.attach(app)` after `NestFactory.create()`',
    )
  }
}
// The decorators are called as functions, because `@Module()` would need a compiler option that nothing else here needs.
Module({})(PodrainModule)
Inject(optionsToken)(PodrainModule, undefined, 0)
Inject(HttpAdapterHost)(PodrainModule, undefined, 1)

/** Nest's logger, with the method `info`, which Nest calls `log`. */
function nestLogger(): Exclude<AdapterOptions['logger'], false | undefined> {
  const logger = new Logger('Podrain')
  return Object.assign(logger, { info: logger.log })
}

export { type AdapterOptions, Drain }
