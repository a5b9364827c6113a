// The same service without podrain. It closes its server on SIGTERM, as guides advise. The demo shows the lost requests.
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import Fastify, { LogController } from 'fastify'

const pool = { query: (ms) => sleep(ms, 'row'), end: () => sleep(50) }
const app = Fastify({ logger: true, logController: new LogController({ disableRequestLogging: true }) })

app.addHook('onClose', () => pool.end())
app.get('/readyz', async () => ({ ready: true }))

app.get('/work', async () => ({ result: await pool.query(20) }))

app.get('/stream', (_request, reply) => {
  async function* ticks() {
    for (let tick = 1; tick <= 10; tick++) {
      yield `tick ${tick}\n`
      await sleep(200)
    }
  }
  return reply.type('text/plain').send(Readable.from(ticks()))
})

app.post('/upload', async (request, reply) => {
  const bytes = Buffer.byteLength(request.body)
  void pool.query(300)
  return reply.code(202).send({ bytes })
})

await app.listen({ port: Number(process.env.PORT ?? 8080), host: process.env.HOST ?? '0.0.0.0' })
process.once('SIGTERM', () => app.close().then(() => process.exit(0)))
