import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  type DynamicModule,
  type FactoryProvider,
  type INestApplicationContext,
  Inject,
  Logger,
  Module,
  type ModuleMetadata,
  type OnApplicationShutdown,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common'
import { HttpAdapterHost } from '@nestjs/core'
import { type AdapterOptions, type Attachment, attach, Drain } from '@podrain/core'

/** The options of `forRootAsync()`: a factory of those of `forRoot()`, as Nest's factory providers have them. */
export interface AsyncOptions
  extends Pick<ModuleMetadata, 'imports'>,
    Pick<FactoryProvider<AdapterOptions>, 'useFactory' | 'inject'> {}

/** What the module uses of an application, a microservice, or an application context. */
export interface Application extends Pick<INestApplicationContext, 'get'> {
  close(signal?: string): Promise<void>
}

/** What the module uses of Fastify. */
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
export class PodrainModule implements OnModuleInit, OnModuleDestroy, OnApplicationShutdown {
  /** The drain of this application. */
  readonly drain: Drain
  readonly #host: HttpAdapterHost
  readonly #attachment: Attachment
  readonly #ownsDrain: boolean
  /** The application to close. undefined until `attach()`. */
  #app: Application | undefined
  /** Nest's shutdown, whoever has begun it. It resolves with its last step. */
  readonly #shutdown: Promise<void>
  #shutdownBegun = false
  #shutdownEnds!: () => void

  /** Nest calls it, with the options of `forRoot()`. */
  constructor(options: AdapterOptions, host: HttpAdapterHost) {
    this.#host = host
    this.#ownsDrain = options.drain === undefined
    this.#attachment = attach(options, false, nestLogger())
    this.drain = this.#attachment.drain
    this.#shutdown = new Promise((resolve) => {
      this.#shutdownEnds = resolve
    })
    this.drain.on('commit', ({ reason = '' }) => {
      const signal = reason.startsWith('SIG') ? reason : undefined
      const close = (): unknown => (this.#shutdownBegun ? this.#shutdown : this.#app?.close(signal))
      // Added last, so that it runs first: what Nest's hooks still use is closed after them, as if it was closed by hand.
      if (this.#app) this.drain.onClose(close, { name: 'app.close()' })
    })
    this.drain.on('report', () => {
      // At the exit, because Nest's own listener of the signal, which may run the hooks, is called after the report.
      if (!this.#shutdownBegun) process.once('exit', () => this.#warnWithoutShutdown())
    })
  }

  /**
   * Adds a drain with its control endpoints to the application.
   * @throws {TypeError | RangeError} from `NestFactory.create()`, for a wrong option
   * @throws {Error} from `app.init()`, if another drain watches the server
   */
  static forRoot(options: AdapterOptions = {}): DynamicModule {
    return PodrainModule.forRootAsync({ useFactory: () => options })
  }

  /** As `forRoot()`, with options from a factory: from a ConfigService, or checks of other providers. */
  static forRootAsync({ imports = [], inject = [], useFactory }: AsyncOptions): DynamicModule {
    const options = { provide: optionsToken, useFactory, inject }
    const drain = { provide: Drain, useFactory: (module: PodrainModule) => module.drain, inject: [PodrainModule] }
    return { module: PodrainModule, global: true, imports, providers: [options, drain], exports: [Drain] }
  }

  /**
   * Passes the application, because Nest gives no module a reference to it. When the last request has been answered, the
   * drain calls `app.close()` with the name of the signal, which runs Nest's shutdown hooks. Then `enableShutdownHooks()`
   * is not needed, and does no harm.
   * @throws {Error} if the application does not import the module
   */
  static attach(app: Application): void {
    app.get(PodrainModule, { strict: false }).#app = app
  }

  /** Nest calls it before the server listens. In the constructor there is no server yet. */
  onModuleInit(): void {
    const { httpAdapter } = this.#host
    const server = httpAdapter?.getHttpServer()
    if (!server) return // a microservice, or an application context
    const { watch, handle } = this.#attachment
    watch(server)
    if (httpAdapter.getType() !== 'fastify') return
    // Unlike a watched server, the hook also sees the second server that `listen(8080, 'localhost')` opens, and inject().
    httpAdapter.getInstance<Fastify>().addHook('onRequest', (request, reply, done) => {
      if (handle(request.raw, reply.raw)) reply.hijack()
      else done()
    })
  }

  onModuleDestroy(): void {
    this.#shutdownBegun = true
  }

  /** If the application is closed by hand, as in tests, releases the process. During a committed drain it does nothing. */
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
// Called by hand: the decorators of TypeScript are an option of the compiler that nothing else here needs.
Module({})(PodrainModule)
Inject(optionsToken)(PodrainModule, undefined, 0)
Inject(HttpAdapterHost)(PodrainModule, undefined, 1)

/** Nest's logger, which calls `info` `log`. */
function nestLogger(): Exclude<AdapterOptions['logger'], false | undefined> {
  const logger = new Logger('Podrain')
  return Object.assign(logger, { info: logger.log })
}

export { type AdapterOptions, Drain }
