// As in Node's documentation. The process exits when nothing keeps the event loop alive.
import http from 'node:http'
import { echo, handle } from './application.mjs'

const server = echo(http.createServer(handle)).listen(process.env.PORT, process.env.HOST)
process.on('SIGTERM', () => server.close())
