import { once } from 'node:events'
import { describe, type TestContext, test } from 'vitest'
import { WebSocket } from 'ws'
import { stream } from './support/events.js'
import { Service, shortWaits } from './support/service.js'
import { Upstream } from './support/upstream.js'

describe.concurrent('a service with an event stream, a long poll and a WebSocket', () => {
  async function serve(context: TestContext) {
    const upstream = await Upstream.start(context)
    return {
      upstream,
      service: await Service.start(context, 'streams.js', { UPSTREAM_URL: upstream.url, ...shortWaits }),
    }
  }

  test('ends each of them when the drain begins, in a way that makes clients reconnect', async (context) => {
    const { expect } = context
    const { service, upstream } = await serve(context)
    const events = await stream(`http://127.0.0.1:${service.port}/events`)
    await expect.poll(events.text).toMatch(/^retry: 1000\n\ndata: /)
    const poll = service.ask('/next')
    await expect.poll(upstream.held).toBe(1)
    const socket = new WebSocket(`ws://127.0.0.1:${service.port}`)
    await once(socket, 'open')
    socket.send('hello')
    expect(String((await once(socket, 'message'))[0])).toBe('you said hello')
    service.signal('SIGTERM')
    await events.end
    expect(await poll).toEqual({ status: 204, body: '' })
    expect((await once(socket, 'close'))[0]).toBe(1001)
    expect(await service.exit).toEqual([0, null])
    expect(service.output).toMatch(/drained in .* after SIGTERM; nothing cut/)
  })

  test('ends a stream or a poll immediately that is opened during the drain', async (context) => {
    const { expect } = context
    const { service } = await serve(context)
    service.signal('SIGTERM')
    await service.line(/draining because of SIGTERM/)
    expect(await (await stream(`http://127.0.0.1:${service.port}/events`)).end).toBe('retry: 1000\n\n')
    expect((await service.ask('/next')).status).toBe(204)
    expect(await service.exit).toEqual([0, null])
  })
})
