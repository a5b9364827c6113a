import cluster from 'node:cluster'
import http from 'node:http'
import { drainCluster, drainServer } from '@podrain/core'

if (cluster.isPrimary) {
  // Before the first fork. Options may be left out.
  const drain = drainCluster({ controlPort: Number(process.env.CONTROL_PORT ?? 9090) })
  for (let count = 0; count < 2; count++) cluster.fork()
  cluster.on('exit', () => drain.state === 'serving' && cluster.fork())
  drain.onClose(() => console.log('the primary closes'))
} else {
  // The service with podrain, as if it were alone.
  const server = http.createServer((_request, response) => response.end(`worker ${cluster.worker?.id}`))
  drainServer(server)
  server.listen(Number(process.env.PORT ?? 8080), process.env.HOST ?? '0.0.0.0', () => {
    console.log('listening', server.address())
  })
}
