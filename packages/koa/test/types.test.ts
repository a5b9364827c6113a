import type { Drain } from '@podrain/core'
import Koa, { type Middleware } from 'koa'
import { describe, expectTypeOf, test } from 'vitest'
import { type AdapterOptions, type DrainMiddleware, drain, type KoaContext } from '../src/index.js'

describe('the types', () => {
  test('the middleware fits app.use, with and without a state of the application’s own', () => {
    const uses: Array<() => unknown> = [
      (): Middleware => drain(),
      () => new Koa().use(drain()),
      () => new Koa<{ user: string }, { log: () => void }>().use(drain()),
    ]
    expectTypeOf(uses).toBeArray()
  })

  test('the drain of the middleware is the Drain of @podrain/core, and read-only', () => {
    expectTypeOf<DrainMiddleware['drain']>().toEqualTypeOf<Drain>()
    const assign = (middleware: DrainMiddleware, other: Drain): void => {
      // @ts-expect-error the property is read-only
      middleware.drain = other
    }
    expectTypeOf(assign).toBeFunction()
  })

  test('options are optional, and those of every adapter', () => {
    expectTypeOf<Parameters<typeof drain>[0]>().toEqualTypeOf<AdapterOptions | undefined>()
  })

  test('the middleware needs only `req`, `res` and `respond` of the context', () => {
    expectTypeOf<keyof KoaContext>().toEqualTypeOf<'req' | 'res' | 'respond'>()
  })
})
