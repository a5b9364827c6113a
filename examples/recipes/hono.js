import { setTimeout as sleep } from 'node:timers/promises'
import { serve } from '@hono/node-server'
import { drainServer } from '@podrain/core'
import { Hono } from 'hono'
import { streamSSE } from 'hono/streaming'

const prices = process.env.UPSTREAM_URL ?? 'http://prices'
/** @param {string} sku */
async function price(sku) {
  const answer = await fetch(`${prices}/${sku}`)
  return answer.json()
}

const app = new Hono()
const server = serve({
  fetch: app.fetch,
  port: Number(process.env.PORT ?? 8080),
  hostname: process.env.HOST ?? '0.0.0.0',
})
// `serve` already listens. No client can have connected yet, because this line runs in the same turn of the event loop.
const drain = drainServer(server)
drain.onClose(() => console.log('own hook'), { name: 'own' })

app.get('/prices/:sku', async (c) => c.json(await price(c.req.param('sku'))))

app.get('/prices/:sku/stream', (c) =>
  streamSSE(c, async (stream) => {
    // Ends the stream when the drain begins. An EventSource reconnects, to another pod.
    while (!drain.signal.aborted && !stream.aborted) {
      await stream.writeSSE({ data: JSON.stringify(await price(c.req.param('sku'))) })
      await sleep(1000, undefined, { signal: drain.signal }).catch(() => {})
    }
  }),
)

server.on('listening', () => console.log('listening', server.address()))
