import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { drainServer } from '@podrain/core'
import { initTRPC, tracked } from '@trpc/server'
import { createHTTPHandler } from '@trpc/server/adapters/standalone'
import { applyWSSHandler } from '@trpc/server/adapters/ws'
import { WebSocketServer } from 'ws'

/** @typedef {{ leaving?: AbortSignal }} Context `leaving` aborts when the drain begins. */
const t = /** @type {ReturnType<typeof initTRPC.context<Context>>} */ (initTRPC.context()).create()

const prices = process.env.UPSTREAM_URL ?? 'http://prices'
/** @param {string} sku */
async function price(sku) {
  const answer = await fetch(`${prices}/${sku}`)
  return answer.json()
}

/** @param {unknown} input @returns {{ sku: string, lastEventId?: string }} */
const known = (input) => /** @type {any} */ (input)

export const router = t.router({
  price: t.procedure.input(known).query(({ input }) => price(input.sku)),
  prices: t.procedure.input(known).subscription(async function* ({ input, ctx, signal }) {
    // `tracked`, so that a client that reconnects sends the id of its last event.
    for (let id = Number(input.lastEventId ?? 0) + 1; !signal?.aborted; id++) {
      yield tracked(`${id}`, await price(input.sku))
      // Throws an AbortError when the drain begins, which ends the stream, and the client reconnects. After `return` a client would not
      // reconnect.
      await sleep(50, undefined, { signal: ctx.leaving })
    }
  }),
})

const server = http.createServer()
const drain = drainServer(server)
// Over SSE.
server.on('request', createHTTPHandler({ router, createContext: () => ({ leaving: drain.signal }) }))

// Over WebSockets: a client opens a new connection, moves its subscriptions to it, and then closes the old one.
const sockets = applyWSSHandler({ wss: new WebSocketServer({ server }), router, createContext: () => ({}) })
/** @type {NodeJS.Timeout | undefined} */
let reconnecting
drain.onDrain(() => {
  sockets.broadcastReconnectNotification()
  // Repeated every second, because load balancers may still send new connections here.
  reconnecting = setInterval(sockets.broadcastReconnectNotification, 1000)
})
drain.onResume(() => clearInterval(reconnecting))

server.listen(Number(process.env.PORT ?? 8080), process.env.HOST ?? '0.0.0.0', () => {
  console.log('listening', server.address())
})
