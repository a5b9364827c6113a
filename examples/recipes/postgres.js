import { gracefulShutdown } from '@podrain/fastify'
import Fastify from 'fastify'
import pg from 'pg'

const app = Fastify({ logger: true })
await app.register(gracefulShutdown)

const pool = new pg.Pool({
  connectionString: process.env.DATABASE_URL,
  // By default pg has no timeout for a connection or a query. Then a handler could wait until the drain cuts its request.
  connectionTimeoutMillis: 10_000,
  query_timeout: 10_000,
})
// An error of an idle connection. Without a listener this error would end the process.
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
    // Closes the connection instead of returning it to the pool. Postgres rolls back when a connection ends.
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
  // The response does not wait for this query, so the drain must.
  app.drain.waitUntil(pool.query('insert into audit (order_id) values ($1)', [order.id]), { name: 'audit' })
  return reply.code(201).send(order)
})

await app.listen({ port: Number(process.env.PORT ?? 8080), host: process.env.HOST ?? '0.0.0.0' })
