import { type DynamicModule, type FactoryProvider, Module, type ModuleMetadata } from '@nestjs/common'
import { HttpAdapterHost } from '@nestjs/core'
import { type AdapterOptions, Drain } from '@podrain/core'
import { type Application, Lifecycle } from './lifecycle.js'

/** The options of `forRootAsync()`: a factory of those of `forRoot()`, as Nest's factory providers have them. */
export interface AsyncOptions
  extends Pick<ModuleMetadata, 'imports'>,
    Pick<FactoryProvider<AdapterOptions>, 'useFactory' | 'inject'> {}

/**
 * NestJS module. Import it once, in the root module; `Drain` can be injected anywhere.
 *
 * @example
 * @Module({ imports: [PodrainModule.forRoot()] })
 * export class AppModule {}
 *
 * const app = await NestFactory.create(AppModule)
 * PodrainModule.attach(app)
 * await app.listen(8080, '0.0.0.0')
 */
// biome-ignore lint/complexity/noStaticOnlyClass: Nest knows modules by their class, and calls static methods `forRoot()`
export class PodrainModule {
  /**
   * The application cannot be created with a wrong option.
   * @throws {TypeError | RangeError} from `NestFactory.create()`, for a wrong option
   * @throws {Error} from `app.init()`, if another drain watches the server
   */
  static forRoot(options: AdapterOptions = {}): DynamicModule {
    return PodrainModule.forRootAsync({ useFactory: () => options })
  }

  /** As `forRoot()`, with options from a factory: from a ConfigService, or with checks by other providers. */
  static forRootAsync({ imports = [], inject = [], useFactory }: AsyncOptions): DynamicModule {
    return {
      module: PodrainModule,
      global: true,
      imports,
      providers: [
        { provide: optionsToken, useFactory, inject },
        {
          provide: Lifecycle,
          useFactory: (options: AdapterOptions, host: HttpAdapterHost) => new Lifecycle(options, host),
          inject: [optionsToken, HttpAdapterHost],
        },
        { provide: Drain, useFactory: ({ drain }: Lifecycle) => drain, inject: [Lifecycle] },
      ],
      exports: [Drain],
    }
  }

  /**
   * Closes the application when the last request has been answered: `app.close()`, with the name of the signal. So
   * Nest's shutdown hooks run, with or without `app.enableShutdownHooks()`, once. A module gets no reference to its
   * application, hence this line.
   * @throws {Error} if the application does not import the module
   */
  static attach(app: Application): void {
    let lifecycle: Lifecycle
    try {
      lifecycle = app.get(Lifecycle, { strict: false })
    } catch (cause) {
      throw new Error('The application does not import the module: add `PodrainModule.forRoot()` to its imports', {
        cause,
      })
    }
    lifecycle.app = app
  }
}
Module({})(PodrainModule)

const optionsToken = Symbol('podrain options')

export { type AdapterOptions, type Application, Drain }
