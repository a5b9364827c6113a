import cluster from 'node:cluster'
import http from 'node:http'
import { drainCluster, drainServer } from '@podrain/core'

if (cluster.isPrimary) {
  // Must be called before the first fork. The options are optional.
  const drain = drainCluster({ controlPort: Number(process.env.CONTROL_PORT ?? 9090) })
  for (let count = 0; count < 2; count++) cluster.fork()
  cluster.on('exit', () => drain.state === 'serving' && cluster.fork())
  drain.onClose(() => console.log('the primary closes'))
} else {
  // Each worker is a service with podrain, as without node:cluster.
  const server = http.createServer((_request, response) => response.end(`worker ${cluster.worker?.id}`))
  drainServer(server)
  server.listen(Number(process.env.PORT ?? 8080), process.env.HOST ?? '0.0.0.0', () => {
    console.log('listening', server.address())
  })
}
