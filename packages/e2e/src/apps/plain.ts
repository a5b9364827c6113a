import { createServer } from 'node:http'
import { echo, host, listener, port } from './pod.js'

// Knows nothing of podrain: @podrain/auto is preloaded.
const server = createServer(listener)
echo(server)
server.listen(port, host, () => console.log('listening', server.address()))
