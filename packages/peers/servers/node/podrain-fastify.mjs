import { gracefulShutdown } from '@podrain/fastify'
import fastify from 'fastify'
import { echo, handle, options } from './application.mjs'

const app = fastify()
await app.register(gracefulShutdown, options)
// The route reads the body itself.
app.addContentTypeParser('*', (_request, _payload, done) => done(null))
app.all('/*', (request, reply) => {
  reply.hijack()
  handle(request.raw, reply.raw)
})
echo(app.server)
await app.listen({ port: Number(process.env.PORT), host: process.env.HOST })
