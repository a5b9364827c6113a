import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { drain } from '@podrain/koa'
import Koa from 'koa'

const pool = { query: (ms) => sleep(ms, 'row'), end: () => sleep(50) }
const app = new Koa()

const podrain = drain({ checks: { pool: () => pool.query(1) } })
app.use(podrain)
podrain.drain.onClose(() => pool.end(), { name: 'pool' })

async function* ticks() {
  for (let tick = 1; tick <= 10 && !podrain.drain.lastCall.aborted; tick++) {
    yield `tick ${tick}\n`
    await sleep(200)
  }
}

app.use(async (context) => {
  if (context.path === '/work') context.body = { result: await pool.query(20) }
  if (context.path === '/stream') context.body = Readable.from(ticks())
  if (context.path === '/upload' && context.method === 'POST') {
    const bytes = Buffer.byteLength(await text(context.req))
    podrain.drain.waitUntil(pool.query(300), { name: 'index the upload' })
    context.status = 202
    context.body = { bytes }
  }
})

app.listen(Number(process.env.PORT ?? 8080), process.env.HOST ?? '0.0.0.0')
