import { gracefulShutdown } from '@podrain/fastify'
import Fastify from 'fastify'
import { Pool } from 'undici'

const app = Fastify({ logger: true })
await app.register(gracefulShutdown)

const upstream = new Pool(process.env.UPSTREAM_URL ?? 'http://prices', {
  connections: 50,
  // The default of both is 300 s, which is longer than most grace periods.
  headersTimeout: 10_000,
  bodyTimeout: 10_000,
})
app.drain.onClose(() => upstream.close(), { name: 'upstream' })

app.get('/prices/:sku', async (request, reply) => {
  const { sku } = /** @type {{ sku: string }} */ (request.params)
  // Not `drain.signal`, which would abort every request in flight when the drain begins.
  const { lastCall } = app.drain
  try {
    const { statusCode, body } = await upstream.request({
      method: 'GET',
      path: `/prices/${encodeURIComponent(sku)}`,
      signal: lastCall,
    })
    return reply.code(statusCode).send(await body.json())
  } catch (error) {
    if (!lastCall.aborted) throw error
    return reply.code(503).header('retry-after', '1').send({ error: 'prices did not answer in time' })
  }
})

await app.listen({ port: Number(process.env.PORT ?? 8080), host: process.env.HOST ?? '0.0.0.0' })
