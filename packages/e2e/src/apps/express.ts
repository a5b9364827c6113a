import { Readable } from 'node:stream'
import { drain } from '@podrain/express'
import express from 'express'
import { answer, echo, follow, host, options, port } from './pod.js'

const app = express()
const podrain = drain(options)
app.use(podrain)
app.use(async (request, response) => {
  const { status, headers, body } = await answer(request)
  response.status(status).set(headers)
  if (body instanceof Readable) body.pipe(response)
  else response.send(body)
})
follow(podrain.drain)
const server = app.listen(port, host, () => console.log('listening', server.address()))
echo(server)
