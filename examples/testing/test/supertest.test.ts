import { type AdapterOptions, drain } from '@podrain/express'
import express from 'express'
import request from 'supertest'
import { afterEach, test } from 'vitest'

// A function that creates the service, so that each test can have its own.
function service(options: AdapterOptions) {
  const podrain = drain(options)
  const app = express()
  app.use(podrain)
  app.get('/orders/:id', (request, response) => response.json({ id: request.params.id }))
  return { app, drain: podrain.drain }
}

const { app, drain: ofService } = service({ signals: false, logger: false })

afterEach(() => ofService.dispose())

test('an order is found by its id', async () => {
  await request(app).get('/orders/7').expect(200, { id: '7' })
})
