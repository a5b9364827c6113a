import { gracefulShutdown } from '@podrain/fastify'
import fastify from 'fastify'
import { answer, echo, follow, host, options, port } from './pod.js'

async function main(): Promise<void> {
  const app = fastify()
  await app.register(gracefulShutdown, options)
  app.all('/*', async (request, reply) => {
    const { status, headers, body } = await answer(request.raw)
    return reply.code(status).headers(headers).send(body)
  })
  follow(app.drain)
  echo(app.server)
  await app.listen({ port, host })
  console.log('listening', app.server.address())
}

void main()
