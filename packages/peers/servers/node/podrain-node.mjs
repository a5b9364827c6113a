import http from 'node:http'
import { drainServer } from '@podrain/core'
import { echo, handle, options } from './application.mjs'

const server = echo(http.createServer(handle))
drainServer(server, options)
server.listen(process.env.PORT, process.env.HOST)
