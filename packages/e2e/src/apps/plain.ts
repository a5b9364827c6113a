import { createServer } from 'node:http'
import { echo, host, listener, port } from './pod.js'

// A server without podrain in its code. The pod preloads @podrain/auto.
const server = createServer(listener)
echo(server)
server.listen(port, host, () => console.log('listening', server.address()))
