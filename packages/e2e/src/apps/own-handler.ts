import { createServer } from 'node:http'
import { drainServer } from '@podrain/core'
import { echo, follow, host, listener, options, port } from './pod.js'

// A SIGTERM handler as guides show it. Without podrain it would refuse connections immediately. podrain calls it when the drain has settled.
const server = createServer(listener)
process.on('SIGTERM', () => server.close(() => process.exit(0)))
echo(server)
follow(drainServer(server, options))
server.listen(port, host, () => console.log('listening', server.address()))
