import { drain } from '@podrain/koa'
import Koa from 'koa'
import { echo, handle, options } from './application.mjs'

const app = new Koa()
app.use(drain(options))
app.use((context) => {
  context.respond = false
  context.res.statusCode = 200
  handle(context.req, context.res)
})
echo(app.listen(process.env.PORT, process.env.HOST))
