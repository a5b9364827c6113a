// As Node's documentation has it: the process ends when nothing keeps it any more.
import http from 'node:http'
import { echo, handle } from './application.mjs'

const server = echo(http.createServer(handle)).listen(process.env.PORT, process.env.HOST)
process.on('SIGTERM', () => server.close())
