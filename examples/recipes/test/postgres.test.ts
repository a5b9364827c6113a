import { dirname } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, type TestContext, test } from 'vitest'
import { pglite } from './support/pglite.js'
import { obstacle, postgres } from './support/postgres.js'
import { Relay } from './support/relay.js'
import { Service } from './support/service.js'

interface Engine {
  readonly target: { port: number } | { path: string }
  readonly client: pg.Pool
  /** The log of the server. */
  readonly log: readonly string[]
  stop(): Promise<void>
}

const user = 'postgres'
/** The message Terminate, with which a client ends its session. */
const terminate = 'X\0\0\0\x04'

const engines: { name: string; missing?: string | undefined; start: () => Promise<Engine> }[] = [
  {
    name: 'PGlite',
    async start() {
      const { port, stop } = await pglite()
      return { target: { port }, client: new pg.Pool({ host: '127.0.0.1', port, user, max: 1 }), log: [], stop }
    },
  },
  {
    name: 'PostgreSQL',
    missing: obstacle,
    async start() {
      const { path, log, stop } = await postgres()
      return { target: { path }, client: new pg.Pool({ host: dirname(path), user, max: 1 }), log, stop }
    },
  },
]

describe.concurrent.each(engines)('a service with a pool of $name', ({ missing, start }) => {
  let engine: Engine

  beforeAll(async () => {
    if (missing !== undefined) return
    engine = await start()
    await engine.client.query(`
      create table orders (id serial primary key, sku text, quantity int);
      create table stock (sku text primary key, quantity int);
      create table audit (order_id int);`)
  }, 120_000)

  afterAll(async () => {
    await engine?.client.end()
    await engine?.stop()
  })

  async function serve(context: TestContext, sku: string): Promise<{ service: Service; relay: Relay }> {
    context.skip(missing !== undefined, missing)
    await engine.client.query('insert into stock values ($1, 1000)', [sku])
    const relay = await Relay.open(context, engine.target)
    const env = { DATABASE_URL: `postgres://${user}@127.0.0.1:${relay.port}/postgres?application_name=${sku}` }
    return { service: await Service.start(context, 'postgres.js', env), relay }
  }

  /** The orders of an article, how many of them are in the audit, and the quantity in stock. */
  async function books(sku: string): Promise<object> {
    const { rows } = await engine.client.query(
      `select (select count(*)::int from orders where sku = $1) as orders,
        (select count(*)::int from orders join audit on order_id = id where sku = $1) as audited,
        (select quantity from stock where sku = $1) as stock`,
      [sku],
    )
    return rows[0]
  }

  test('answers all requests that wait for the database or the pool at SIGTERM, and terminates each session', async (context) => {
    const { expect } = context
    const { service, relay } = await serve(context, 'bolt')
    const slow = relay.hold(/begin/)
    // Ten requests get a connection, and five wait for one.
    const answers = Array.from({ length: 15 }, () => service.ask('/orders', 'POST', { sku: 'bolt', quantity: 2 }))
    await expect.poll(slow.count).toBe(10)
    await expect.poll(async () => (await service.status()).inFlight).toBe(15)
    service.signal('SIGTERM')
    await service.line(/draining because of SIGTERM: .*15 in flight/)
    slow.release()
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual(Array(15).fill(201))
    expect((await service.ask('/orders', 'POST', { sku: 'bolt', quantity: 1 })).status).toBe(201)
    expect(await service.exit).toEqual([0, null])
    expect(service.lines.join('\n')).toMatch(/drained in .* after SIGTERM; nothing cut/)
    expect(service.lines.filter((line) => /"level":[456]0/.test(line))).toEqual([])
    expect(await books('bolt')).toEqual({ orders: 16, audited: 16, stock: 1000 - 31 })
    expect(await Promise.all(relay.connections.map(({ end }) => end))).toEqual(Array(10).fill('FIN'))
    expect(relay.connections.map(({ last }) => last().slice(-5))).toEqual(Array(10).fill(terminate))
    // PGlite has only one backend, and no log.
    if (engine.log.length === 0) return
    const { rows } = await engine.client.query('select from pg_stat_activity where application_name = $1', ['bolt'])
    expect(rows).toEqual([])
    const said = engine.log.filter((line) => line.startsWith('bolt '))
    expect(said.filter((line) => /disconnection: session time/.test(line))).toHaveLength(10)
    expect(said.filter((line) => /unexpected EOF|could not receive/.test(line))).toEqual([])
  })

  test('waits for the query after the response before it ends the pool', async (context) => {
    const { expect } = context
    const { service, relay } = await serve(context, 'nut')
    const slow = relay.hold(/insert into audit/)
    expect((await service.ask('/orders', 'POST', { sku: 'nut', quantity: 1 })).status).toBe(201)
    await expect.poll(slow.count).toBe(1)
    service.signal('SIGINT')
    await service.line(/draining because of SIGINT: .* 0 in flight, tasks: audit/)
    expect((await service.status()).state).toBe('draining')
    slow.release()
    expect(await service.exit).toEqual([0, null])
    expect(await books('nut')).toEqual({ orders: 1, audited: 1, stock: 999 })
  })

  test('answers before the deadline if the database hangs', async (context) => {
    const { expect } = context
    const { service, relay } = await serve(context, 'screw')
    const slow = relay.hold(/begin/)
    const answer = service.ask('/orders', 'POST', { sku: 'screw', quantity: 1 })
    await expect.poll(slow.count).toBe(1)
    service.signal('SIGTERM')
    expect((await answer).status).toBe(500)
    expect(await service.exit).toEqual([0, null])
    expect(service.lines.join('\n')).toMatch(/nothing cut/)
    slow.release()
    await expect.poll(() => books('screw')).toEqual({ orders: 0, audited: 0, stock: 1000 })
  })
})
