// fastify start --address 0.0.0.0 --port 8080 fastify-start.js
import { gracefulShutdown } from '@podrain/fastify'

const prices = process.env.UPSTREAM_URL ?? 'http://prices'

/** @type {import('fastify').FastifyPluginAsync} */
export default async function shop(app, _options) {
  await app.register(gracefulShutdown)
  app.drain.onClose(() => console.log('own hook'), { name: 'own' })

  app.get('/prices/:sku', async (request) => {
    const { sku } = /** @type {{ sku: string }} */ (request.params)
    const answer = await fetch(`${prices}/${sku}`)
    return answer.json()
  })
}
