import http from 'node:http'
import { isMainThread, Worker } from 'node:worker_threads'
import { Drain, drainServer, drainThread } from '@podrain/core'

if (isMainThread) {
  // A thread gets no signals: the main thread passes them on.
  const drain = new Drain()
  drainThread(drain, new Worker(new URL(import.meta.url)))
} else {
  // The service with podrain, as if it were alone.
  const server = http.createServer((_request, response) => response.end('from a thread'))
  drainServer(server)
  server.listen(Number(process.env.PORT ?? 8080), process.env.HOST ?? '0.0.0.0', () => {
    console.log('listening', server.address())
  })
}
