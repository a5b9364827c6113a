// A small service with the shutdown that $APP names. Each was measured on a real cluster.
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const { APP, PORT, HOST } = process.env
const require = createRequire(import.meta.url)
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const large = Buffer.alloc(20_000_000, 'x')
let draining = false
let inFlight = 0

async function answer(request, response) {
  if (request.url === '/readyz') return response.writeHead(draining ? 503 : 200).end()
  if (request.url === '/prestop') {
    await wait(5000)
    return response.end()
  }
  inFlight++
  response.once('close', () => inFlight--)
  if (draining) response.setHeader('Connection', 'close')
  if (APP === 'podrain, explicit keep-alive') response.setHeader('Connection', 'keep-alive')
  if (request.url === '/download') return response.end(large)
  await wait(20)
  response.end('done')
}

let server = createServer(answer)
const close = () => process.on('SIGTERM', () => server.close(() => process.exit(0)))
const podrain = (options) =>
  require('../../../packages/core/dist/index.js').drainServer(server, { logger: false, ...options })

const apps = {
  bare: () => {},
  close,
  // As careful libraries do: serve for 5 s more, send `Connection: close`, and exit when all responses have closed.
  careful: () =>
    process.on('SIGTERM', async () => {
      draining = true
      await wait(5000)
      while (inFlight > 0) await wait(20)
      server.close(() => process.exit(0))
      setInterval(() => server.closeIdleConnections(), 20)
    }),
  podrain,
  'podrain, explicit keep-alive': podrain,
  'podrain, exec hook': () => podrain({ controlSocket: join(tmpdir(), `podrain-faithful-${PORT}.sock`) }),
  express: () => express(() => {}),
  'express, a handler of its own': () => express(close),
}

/** An Express app with podrain. `more` does what else the app does. */
function express(more) {
  const app = createRequire(require.resolve('../../../examples/express/package.json'))('express')()
  app.use(require('../../../packages/express/dist/index.js').drain({ logger: false }))
  app.use(answer)
  server = createServer(app)
  more()
}

apps[APP]()
server.listen(Number(PORT), HOST)
