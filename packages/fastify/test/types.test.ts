import type { Drain } from '@podrain/core'
import fastify, { type FastifyInstance } from 'fastify'
import { describe, expectTypeOf, test } from 'vitest'
import { type AdapterOptions, type GracefulShutdownOptions, gracefulShutdown } from '../src/index.js'

describe('the types', () => {
  test('app.drain is the Drain of @podrain/core', () => {
    expectTypeOf<FastifyInstance['drain']>().toEqualTypeOf<Drain>()
  })

  test('the plugin is registered with and without options', () => {
    const registrations: Array<() => unknown> = [
      () => fastify().register(gracefulShutdown),
      () => fastify({ logger: true }).register(gracefulShutdown, { terminationGracePeriodSeconds: 60 }),
      () => fastify().register(gracefulShutdown, () => ({ signals: false as const })),
    ]
    expectTypeOf(registrations).toBeArray()
  })

  test('options are known by name and type', () => {
    expectTypeOf<GracefulShutdownOptions>().toEqualTypeOf<AdapterOptions>()
    const mistakes: Array<() => unknown> = [
      // @ts-expect-error unknown option
      () => fastify().register(gracefulShutdown, { gracePeriod: 30 }),
      // @ts-expect-error a number of seconds
      () => fastify().register(gracefulShutdown, { terminationGracePeriodSeconds: '30' }),
      // @ts-expect-error no process can catch SIGKILL
      () => fastify().register(gracefulShutdown, { signals: ['SIGKILL'] }),
      // @ts-expect-error only `false` turns signals off
      () => fastify().register(gracefulShutdown, { signals: true }),
      // @ts-expect-error unknown endpoint
      () => fastify().register(gracefulShutdown, { endpoints: { ready: '/ready' } }),
      // @ts-expect-error unknown option of `settle`
      () => fastify().register(gracefulShutdown, { settle: { most: 1 } }),
    ]
    expectTypeOf(mistakes).toBeArray()
  })
})
