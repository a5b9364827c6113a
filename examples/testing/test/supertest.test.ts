import { type AdapterOptions, drain } from '@podrain/express'
import express from 'express'
import request from 'supertest'
import { afterEach, expect, test } from 'vitest'

// The service as a function, so that each test has one of its own.
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

// The rest is what the guide says, and not for your tests.

test('a drain that was disposed leaves no listener behind, nor does one without signals', async () => {
  const listeners = () => process.eventNames().map((name) => [name, process.listenerCount(name)])
  const before = listeners()
  const first = service({ logger: false })
  const withOne = listeners()
  expect(withOne).not.toEqual(before)
  const second = service({ logger: false })
  expect(listeners()).toEqual(withOne)
  await Promise.all([first.drain.dispose(), second.drain.dispose()])
  service({ signals: false, logger: false })
  expect(listeners()).toEqual(before)
})
