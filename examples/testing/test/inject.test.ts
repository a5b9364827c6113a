import { gracefulShutdown } from '@podrain/fastify'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, beforeEach, expect, test } from 'vitest'

let app: FastifyInstance

beforeEach(async () => {
  app = Fastify()
  await app.register(gracefulShutdown, { signals: false, logger: false })
  app.get('/orders/:id', async (request) => request.params)
})

afterEach(() => app.close())

test('an order is found by its id', async () => {
  const response = await app.inject('/orders/7')
  expect(response.json()).toEqual({ id: '7' })
})

test('the service is ready when it listens', async () => {
  expect((await app.inject('/readyz')).statusCode).toBe(503)
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  expect((await fetch(`${url}/readyz`)).status).toBe(200)
})
