import { drain } from '@podrain/express'
import express from 'express'
import { answer, follow, host, options, port } from './pod.js'

const app = express()
const podrain = drain(options)
app.use(podrain)
app.use(async (request, response) => {
  const { status, body } = await answer(request.path)
  response.status(status).send(body)
})
follow(podrain.drain)
const server = app.listen(port, host, () => console.log('listening', server.address()))
