import http from 'node:http'
import { isMainThread, Worker } from 'node:worker_threads'
import { Drain, drainServer, drainThread } from '@podrain/core'

if (isMainThread) {
  // A worker thread gets no signals, so the main thread drains it.
  const drain = new Drain()
  drainThread(drain, new Worker(new URL(import.meta.url)))
} else {
  // The thread is a service with podrain, as in a process of its own.
  const server = http.createServer((_request, response) => response.end('from a thread'))
  drainServer(server)
  server.listen(Number(process.env.PORT ?? 8080), process.env.HOST ?? '0.0.0.0', () => {
    console.log('listening', server.address())
  })
}
