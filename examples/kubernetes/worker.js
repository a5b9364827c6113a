// A service that accepts jobs and works on them after the response. Its pod must not end before its jobs have finished.
import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { drainServer } from '@podrain/core'
import { kubernetes } from '@podrain/kubernetes'

const server = http.createServer((request, response) => {
  if (request.method !== 'POST') return response.writeHead(404).end()
  const { searchParams } = new URL(request.url, 'http://worker')
  // The drain waits for the job. /busyz and the annotation podrain/tasks count it.
  drain.waitUntil(sleep(Number(searchParams.get('ms') ?? 1000)), { name: 'job' })
  response.writeHead(202).end()
})

const drain = drainServer(server, { endpoints: { busyz: '/busyz' } })
// In a cluster, and with the permission of rbac-annotations.yaml, podrain writes annotations that say how busy the pod is.
kubernetes(drain, { annotations: true })

server.listen(Number(process.env.PORT ?? 8080), process.env.HOST ?? '0.0.0.0', () =>
  console.log('listening', server.address()),
)
