import { gracefulShutdown } from '@podrain/fastify'
import Fastify from 'fastify'
import pg from 'pg'

const app = Fastify({ logger: true })
await app.register(gracefulShutdown)

const pool = new pg.Pool({
  connectionString: process.env.DATABASE_URL,
  // By default pg waits for ever for a connection and for an answer, and a handler with it, until the drain has to cut it.
  connectionTimeoutMillis: 10_000,
  query_timeout: 10_000,
})
// A connection that dies while nobody uses it: without a listener that ends the process.
pool.on('error', (error) => app.log.warn(error))
app.drain.onClose(() => pool.end(), { name: 'postgres' })

/** @param {(client: pg.PoolClient) => Promise<any>} work */
async function transaction(work) {
  const client = await pool.connect()
  try {
    await client.query('begin')
    const result = await work(client)
    await client.query('commit')
    client.release()
    return result
  } catch (error) {
    // Not back into the pool, whatever state it is in: Postgres rolls back when the connection ends.
    client.release(true)
    throw error
  }
}

app.post('/orders', async (request, reply) => {
  const { sku, quantity } = /** @type {{ sku: string, quantity: number }} */ (request.body)
  const order = await transaction(async (client) => {
    const { rows } = await client.query('insert into orders (sku, quantity) values ($1, $2) returning id', [
      sku,
      quantity,
    ])
    await client.query('update stock set quantity = quantity - $2 where sku = $1', [sku, quantity])
    return rows[0]
  })
  // Nobody waits for this, so the drain has to.
  app.drain.waitUntil(pool.query('insert into audit (order_id) values ($1)', [order.id]), { name: 'audit' })
  return reply.code(201).send(order)
})

await app.listen({ port: Number(process.env.PORT ?? 8080), host: process.env.HOST ?? '0.0.0.0' })
