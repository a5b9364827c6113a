import { createServer } from 'node:http'
import { drainServer } from '@podrain/core'
import { echo, follow, host, listener, options, port } from './pod.js'

const server = createServer(listener)
echo(server)
follow(drainServer(server, options))
server.listen(port, host, () => console.log('listening', server.address()))
