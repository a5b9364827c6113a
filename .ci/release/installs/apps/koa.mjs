import { drain } from '@podrain/koa'
import Koa from 'koa'
import { held, listening } from './held.mjs'

const app = new Koa()
app.use(drain())
app.use(async (context) => {
  context.body = await held()
})
const server = app.listen(0, '127.0.0.1', () => listening(server.address()))
