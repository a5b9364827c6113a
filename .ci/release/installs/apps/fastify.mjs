import { gracefulShutdown } from '@podrain/fastify'
import { fastify } from 'fastify'
import { held, listening } from './held.mjs'

const app = fastify()
app.register(gracefulShutdown)
app.get('/held', () => held())
app.listen({ host: '127.0.0.1', port: 0 }).then(() => listening(app.server.address()))
