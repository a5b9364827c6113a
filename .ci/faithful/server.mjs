// A small service that ends as $APP says: the ways that were measured on a real cluster.
import { createServer } from 'node:http'
import { createRequire } from 'node:module'

const { APP, PORT, HOST } = process.env
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const large = Buffer.alloc(20_000_000, 'x')
let draining = false
let inFlight = 0

const server = createServer(async (request, response) => {
  if (request.url === '/readyz') return response.writeHead(draining ? 503 : 200).end()
  if (request.url === '/prestop') {
    await wait(5000)
    return response.end()
  }
  inFlight++
  response.once('close', () => inFlight--)
  if (draining) response.setHeader('Connection', 'close')
  if (request.url === '/download') return response.end(large)
  await wait(20)
  response.end('done')
})

const apps = {
  bare: () => {},
  close: () => process.on('SIGTERM', () => server.close(() => process.exit(0))),
  // What careful libraries do: go on for 5 s, lead clients away, and exit when Node says that all is sent.
  careful: () =>
    process.on('SIGTERM', async () => {
      draining = true
      await wait(5000)
      while (inFlight > 0) await wait(20)
      server.close(() => process.exit(0))
      setInterval(() => server.closeIdleConnections(), 20)
    }),
  podrain: () =>
    createRequire(import.meta.url)('../../packages/core/dist/index.js').drainServer(server, { logger: false }),
}
apps[APP]()
server.listen(Number(PORT), HOST)
