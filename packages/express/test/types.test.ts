import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Drain } from '@podrain/core'
import express, { type RequestHandler } from 'express'
import { describe, expectTypeOf, test } from 'vitest'
import { type AdapterOptions, type DrainMiddleware, drain } from '../src/index.js'

describe('the types', () => {
  test('the middleware fits app.use, router.use and a mount path', () => {
    expectTypeOf(drain).returns.toExtend<RequestHandler>()
    const uses: Array<() => unknown> = [
      () => express().use(drain()),
      () => express().use('/internal', drain()),
      () => express.Router().use(drain()),
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

  test('the middleware fits any framework on node:http', () => {
    expectTypeOf<DrainMiddleware>().toBeCallableWith({} as IncomingMessage, {} as ServerResponse, () => {})
  })
})
