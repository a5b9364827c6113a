import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { gracefulShutdown } from '@podrain/fastify'
import Fastify, { LogController } from 'fastify'

const pool = { query: (ms) => sleep(ms, 'row'), end: () => sleep(50) }
const app = Fastify({ logger: true, logController: new LogController({ disableRequestLogging: true }) })

await app.register(gracefulShutdown, { checks: { pool: () => pool.query(1) } })
app.drain.onClose(() => pool.end(), { name: 'pool' })

app.get('/work', async () => ({ result: await pool.query(20) }))

app.get('/stream', (_request, reply) => {
  async function* ticks() {
    for (let tick = 1; tick <= 10 && !app.drain.lastCall.aborted; tick++) {
      yield `tick ${tick}\n`
      await sleep(200)
    }
  }
  return reply.type('text/plain').send(Readable.from(ticks()))
})

app.post('/upload', async (request, reply) => {
  const bytes = Buffer.byteLength(request.body)
  app.drain.waitUntil(pool.query(300), { name: 'index the upload' })
  return reply.code(202).send({ bytes })
})

await app.listen({ port: Number(process.env.PORT ?? 8080), host: process.env.HOST ?? '0.0.0.0' })
