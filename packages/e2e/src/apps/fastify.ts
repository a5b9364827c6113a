import { gracefulShutdown } from '@podrain/fastify'
import fastify from 'fastify'
import { answer, follow, host, options, port } from './pod.js'

async function main(): Promise<void> {
  const app = fastify()
  await app.register(gracefulShutdown, options)
  app.get('/*', async (request, reply) => {
    const { status, body } = await answer(request.url)
    return reply.code(status).send(body)
  })
  follow(app.drain)
  await app.listen({ port, host })
  console.log('listening', app.server.address())
}

void main()
