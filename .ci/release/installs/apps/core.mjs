import { createServer } from 'node:http'
import { drainServer } from '@podrain/core'
import { held, listening } from './held.mjs'

const { PODRAIN_SOCKET: controlSocket = false } = process.env

const server = createServer(async (_request, response) => response.end(await held()))
drainServer(server, { controlSocket })
server.listen(0, '127.0.0.1', () => listening(server.address()))
