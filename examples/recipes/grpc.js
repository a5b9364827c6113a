import http from 'node:http'
import { setInterval as every } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import grpc from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { drainServer } from '@podrain/core'

const proto = loadSync(fileURLToPath(new URL('shop.proto', import.meta.url)))
const { shop } = /** @type {any} */ (grpc.loadPackageDefinition(proto))
const host = process.env.HOST ?? '0.0.0.0'

const server = http.createServer((request, response) => {
  const [, sku] = /^\/offers\/(\w+)$/.exec(request.url ?? '') ?? []
  if (sku === undefined) return response.writeHead(404).end()
  offer(sku).then(
    (answer) => response.end(JSON.stringify(answer)),
    (error) => response.writeHead(502).end(error.message),
  )
})
const drain = drainServer(server)

// The client is closed last, because the handlers of both servers use it.
const prices = new shop.Prices(process.env.PRICES_ADDRESS ?? 'prices:50051', grpc.credentials.createInsecure())
drain.onClose(() => prices.close(), { name: 'prices' })

/** @param {string} sku */
async function offer(sku) {
  // Without this option a call has no deadline.
  const get = promisify(prices.get.bind(prices, { sku }, { deadline: Date.now() + 10_000 }))
  return { sku, ...(await get()) }
}

/**
 * Makes the drain wait for gRPC calls. By itself, the drain counts only the requests of the HTTP server.
 * @type {grpc.ServerInterceptor}
 */
function counted(method, call) {
  return new grpc.ServerInterceptingCall(call, {
    start(next) {
      // grpc-js calls onCancel at the end of every call.
      const ended = new Promise((resolve) => next({ onCancel: () => resolve(undefined) }))
      drain.waitUntil(ended, { name: method.path })
    },
  })
}

const calls = new grpc.Server({ interceptors: [counted] })
calls.addService(shop.Offers.service, {
  /**
   * @param {grpc.ServerUnaryCall<{ sku: string }, object>} call
   * @param {grpc.sendUnaryData<object>} answer
   */
  get(call, answer) {
    offer(call.request.sku).then((found) => answer(null, found), answer)
  },

  /** @param {grpc.ServerWritableStream<{ sku: string }, object>} call */
  async watch(call) {
    const left = new AbortController()
    call.on('cancelled', () => left.abort())
    try {
      for await (const _ of every(1000, null, { signal: AbortSignal.any([left.signal, drain.signal]) })) {
        call.write(await offer(call.request.sku))
      }
    } catch {
      // After UNAVAILABLE, clients retry on another server.
      call.emit('error', { code: grpc.status.UNAVAILABLE, details: 'the pod goes' })
    }
  },
})

const bind = promisify(calls.bindAsync.bind(calls))
const address = `${host}:${await bind(`${host}:${process.env.GRPC_PORT ?? 50051}`, grpc.ServerCredentials.createInsecure())}`
console.log('listening for calls', address)
drain.onClose(promisify(calls.tryShutdown.bind(calls)), { name: 'grpc server', timeout: 2000 })

/** @type {NodeJS.Timeout | undefined} */
let goingAway
drain.onDrain(() => {
  // Sends GOAWAY: clients open a new connection to another pod, and finish their calls here. Repeated every second, because
  // new clients may still connect. The time limit is endless, because the drain itself cuts calls at its deadline.
  goingAway = setInterval(() => calls.drain(address, 2 ** 31 - 1), 1000)
})
drain.onResume(() => clearInterval(goingAway))

server.listen(Number(process.env.PORT ?? 8080), host, () => console.log('listening', server.address()))
