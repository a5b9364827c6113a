import { addAbortListener } from 'node:events'
import { drainServer } from '@podrain/core'
import { createEventStream, H3, serve } from 'h3'

const prices = process.env.UPSTREAM_URL ?? 'http://prices'
/** @param {string | undefined} sku */
async function price(sku) {
  const answer = await fetch(`${prices}/${sku}`)
  return answer.json()
}

const app = new H3()

app.get('/prices/:sku', (event) => price(event.context.params?.sku))

app.post('/prices/:sku/orders', (event) => {
  event.waitUntil(price(event.context.params?.sku).then(() => console.log('ordered')))
  return { accepted: true }
})

app.get('/prices/:sku/stream', (event) => {
  const stream = createEventStream(event)
  const push = async () => stream.push(JSON.stringify(await price(event.context.params?.sku)))
  const timer = setInterval(push, 1000)
  // Ends the stream when the drain begins. An EventSource reconnects, to another pod.
  const listener = addAbortListener(drain.signal, () => stream.close())
  stream.onClosed(() => {
    clearInterval(timer)
    listener[Symbol.dispose]()
  })
  return stream.send()
})

const server = serve(app, {
  port: Number(process.env.PORT ?? 8080),
  hostname: process.env.HOST ?? '0.0.0.0',
  // Turns off h3's own signal handler. It would run after the drain, when everything is closed.
  gracefulShutdown: false,
})
const listener = server.node?.server
if (!listener) throw new Error('not on Node')
const drain = drainServer(listener)
// Waits for promises that were passed to `event.waitUntil()`. The server is already closed.
drain.onClose(() => server.close(), { name: 'h3', timeout: 20_000 })

await server.ready()
console.log('listening', listener.address())
