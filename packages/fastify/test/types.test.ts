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

  test('options are those of every adapter, and no other is registered', () => {
    expectTypeOf<GracefulShutdownOptions>().toEqualTypeOf<AdapterOptions>()
    // @ts-expect-error unknown option
    const mistake = (): unknown => fastify().register(gracefulShutdown, { gracePeriod: 30 })
    expectTypeOf(mistake).toBeFunction()
  })
})
