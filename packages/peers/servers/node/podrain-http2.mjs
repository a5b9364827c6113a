import http2 from 'node:http2'
import { drainServer } from '@podrain/core'
import { handle, options } from './application.mjs'

const server = http2.createServer(handle)
drainServer(server, options)
server.listen(process.env.PORT, process.env.HOST)
