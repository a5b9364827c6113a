// The same service without podrain. It closes its server on SIGTERM, as guides advise. The demo shows the lost requests.
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import Koa from 'koa'

const pool = { query: (ms) => sleep(ms, 'row'), end: () => sleep(50) }
const app = new Koa()

async function* ticks() {
  for (let tick = 1; tick <= 10; tick++) {
    yield `tick ${tick}\n`
    await sleep(200)
  }
}

app.use(async (context) => {
  if (context.path === '/readyz') context.body = { ready: true }
  if (context.path === '/work') context.body = { result: await pool.query(20) }
  if (context.path === '/stream') context.body = Readable.from(ticks())
  if (context.path === '/upload' && context.method === 'POST') {
    const bytes = Buffer.byteLength(await text(context.req))
    void pool.query(300)
    context.status = 202
    context.body = { bytes }
  }
})

const server = app.listen(Number(process.env.PORT ?? 8080), process.env.HOST ?? '0.0.0.0')
process.once('SIGTERM', () => server.close(() => pool.end().then(() => process.exit(0))))
