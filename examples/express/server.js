import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { drain } from '@podrain/express'
import express from 'express'

const pool = { query: (ms) => sleep(ms, 'row'), end: () => sleep(50) }
const app = express()

const podrain = drain({ checks: { pool: () => pool.query(1) } })
app.use(podrain)
podrain.drain.onClose(() => pool.end(), { name: 'pool' })

app.get('/work', async (_request, response) => {
  response.json({ result: await pool.query(20) })
})

app.get('/stream', (_request, response) => {
  async function* ticks() {
    for (let tick = 1; tick <= 10 && !podrain.drain.lastCall.aborted; tick++) {
      yield `tick ${tick}\n`
      await sleep(200)
    }
  }
  Readable.from(ticks()).pipe(response.type('text/plain'))
})

app.post('/upload', express.text(), (request, response) => {
  podrain.drain.waitUntil(pool.query(300), { name: 'index the upload' })
  response.status(202).json({ bytes: Buffer.byteLength(request.body) })
})

app.listen(Number(process.env.PORT ?? 8080), process.env.HOST ?? '0.0.0.0')
