// The same service without podrain. It closes its server on SIGTERM, as guides advise. The demo shows the lost requests.
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import express from 'express'

const pool = { query: (ms) => sleep(ms, 'row'), end: () => sleep(50) }
const app = express()

app.get('/readyz', (_request, response) => {
  response.json({ ready: true })
})

app.get('/work', async (_request, response) => {
  response.json({ result: await pool.query(20) })
})

app.get('/stream', (_request, response) => {
  async function* ticks() {
    for (let tick = 1; tick <= 10; tick++) {
      yield `tick ${tick}\n`
      await sleep(200)
    }
  }
  Readable.from(ticks()).pipe(response.type('text/plain'))
})

app.post('/upload', express.text(), (request, response) => {
  void pool.query(300)
  response.status(202).json({ bytes: Buffer.byteLength(request.body) })
})

const server = app.listen(Number(process.env.PORT ?? 8080), process.env.HOST ?? '0.0.0.0')
process.once('SIGTERM', () => server.close(() => pool.end().then(() => process.exit(0))))
