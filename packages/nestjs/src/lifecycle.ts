import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  type INestApplicationContext,
  Logger,
  type OnApplicationShutdown,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common'
import type { HttpAdapterHost } from '@nestjs/core'
import { type AdapterOptions, type Attachment, attach, type Drain } from '@podrain/core'

/** What is used of an application, a microservice, or an application context. */
export interface Application extends Pick<INestApplicationContext, 'get'> {
  close(signal?: string): Promise<void>
}

/** What is used of Fastify and its requests. */
interface Fastify {
  addHook(name: 'onRequest', hook: (request: Raw<IncomingMessage>, reply: Reply, done: () => void) => void): unknown
}
interface Raw<Of> {
  readonly raw: Of
}
interface Reply extends Raw<ServerResponse> {
  hijack(): unknown
}

/** The drain of an application, between Nest's lifecycle hooks. */
export class Lifecycle implements OnModuleInit, OnModuleDestroy, OnApplicationShutdown {
  /** The application to close. undefined until `PodrainModule.attach()`. */
  app: Application | undefined
  readonly drain: Drain
  readonly #host: HttpAdapterHost
  readonly #attachment: Attachment
  readonly #ownsDrain: boolean
  /** Nest's shutdown, which somebody else may have begun. It resolves with its last hook. */
  readonly #shutdown: Promise<void>
  #shutDown!: () => void
  #shutdownBegun = false

  constructor(options: AdapterOptions, host: HttpAdapterHost) {
    this.#host = host
    this.#ownsDrain = options.drain === undefined
    this.#attachment = attach(this.#ownsDrain ? { logger: nestLogger(), ...options } : options, false)
    this.drain = this.#attachment.drain
    this.#shutdown = new Promise((resolve) => {
      this.#shutDown = resolve
    })
    this.drain.on('commit', ({ reason = '' }) => {
      const signal = /^SIG/.test(reason) ? reason : undefined
      // Added last, so that it runs first: what Nest's hooks use is closed after them, as when `close()` is called by hand.
      if (this.app) this.drain.onClose(() => this.#close(signal), { name: 'app.close()' })
    })
    this.drain.on('report', () => process.once('exit', () => this.#warnUnlessShutDown()))
  }

  /** Nest calls it before the server listens. Only now is there a server. */
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

  /** If the application is closed by hand, as in tests, releases the process. In a committed drain it does nothing. */
  async onApplicationShutdown(): Promise<void> {
    this.#shutDown()
    if (this.#ownsDrain) await this.drain.dispose()
    else if (!this.drain.committed) this.#attachment.release()
  }

  async #close(signal: string | undefined): Promise<void> {
    await (this.#shutdownBegun ? this.#shutdown : this.app?.close(signal))
  }

  #warnUnlessShutDown(): void {
    if (this.#shutdownBegun) return
    this.drain.logger.warn(
      "Nest's shutdown hooks have not run (onModuleDestroy, beforeApplicationShutdown, onApplicationShutdown): call " +
        '`PodrainModule.attach(app)` after `NestFactory.create()`',
    )
  }
}

/** Nest's logger, with the names that core uses. */
function nestLogger(): AdapterOptions['logger'] & object {
  const logger = new Logger('Podrain')
  return {
    info: (message) => logger.log(message),
    warn: (message) => logger.warn(message),
    error: (message) => logger.error(message),
  }
}
