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

  test('options are optional and known by name and type', () => {
    expectTypeOf<Parameters<typeof drain>[0]>().toEqualTypeOf<AdapterOptions | undefined>()
    const mistakes: Array<() => unknown> = [
      // @ts-expect-error unknown option
      () => drain({ gracePeriod: 30 }),
      // @ts-expect-error a number of seconds
      () => drain({ terminationGracePeriodSeconds: '30' }),
      // @ts-expect-error no process can catch SIGKILL
      () => drain({ signals: ['SIGKILL'] }),
      // @ts-expect-error only `false` turns signals off
      () => drain({ signals: true }),
      // @ts-expect-error unknown endpoint
      () => drain({ endpoints: { ready: '/ready' } }),
      // @ts-expect-error unknown option of `settle`
      () => drain({ settle: { most: 1 } }),
    ]
    expectTypeOf(mistakes).toBeArray()
  })

  test('the middleware fits any framework on node:http', () => {
    expectTypeOf<DrainMiddleware>().toBeCallableWith({} as IncomingMessage, {} as ServerResponse, () => {})
  })
})
