import { drain } from '@podrain/express'
import express from 'express'
import { Redis } from 'ioredis'

const podrain = drain()
const app = express()
app.use(podrain)

// By default a command is retried for more than a minute while Redis is down, and its handler waits for it.
const redis = new Redis(process.env.REDIS_URL ?? 'redis://127.0.0.1:6379', {
  maxRetriesPerRequest: 3,
  commandTimeout: 10_000,
})
redis.on('error', (error) => console.warn(`redis: ${error.message}`))
podrain.drain.onClose(() => redis.quit(), { name: 'redis' })

/** A cache of products. Another pod publishes the ids of changed products. @type {Map<string, string | null>} */
const products = new Map()

// Closed in onClose and not in onDrain, because the cache must learn of changes while there are requests.
const subscriber = redis.duplicate()
subscriber.on('error', (error) => console.warn(`redis subscriber: ${error.message}`))
podrain.drain.onClose(() => subscriber.quit(), { name: 'redis subscriber' })
subscriber.on('message', (_channel, id) => products.delete(id))
await subscriber.subscribe('changed')

app.get('/products/:id', async (request, response) => {
  const { id } = request.params
  if (!products.has(id)) products.set(id, await redis.get(`product:${id}`))
  response.json({ id, name: products.get(id) })
})

app.put('/products/:id', express.text(), async (request, response) => {
  const { id } = request.params
  const name = String(request.body)
  await redis.set(`product:${id}`, name)
  await redis.publish('changed', id)
  response.json({ id, name })
})

const server = app.listen(Number(process.env.PORT ?? 8080), process.env.HOST ?? '0.0.0.0', () => {
  console.log('listening', server.address())
})
podrain.watch(server)
