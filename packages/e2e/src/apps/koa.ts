import { drain } from '@podrain/koa'
import Koa from 'koa'
import { answer, echo, follow, host, options, port } from './pod.js'

const app = new Koa()
const podrain = drain(options)
app.use(podrain)
app.use(async (context) => {
  const { status, headers, body } = await answer(context.req)
  context.status = status
  context.set({ ...headers })
  context.body = body
})
follow(podrain.drain)
const server = app.listen(port, host, () => console.log('listening', server.address()))
echo(server)
