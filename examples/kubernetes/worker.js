// A service that takes jobs and works on them after it has answered. Its pod must not go while it does.
import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { drainServer } from '@podrain/core'
import { kubernetes } from '@podrain/kubernetes'

const server = http.createServer((request, response) => {
  if (request.method !== 'POST') return response.writeHead(404).end()
  const { searchParams } = new URL(request.url, 'http://worker')
  // The drain waits for it, /busyz tells of it, and so does the annotation podrain/tasks.
  drain.waitUntil(sleep(Number(searchParams.get('ms') ?? 1000)), { name: 'job' })
  response.writeHead(202).end()
})

const drain = drainServer(server, { endpoints: { busyz: '/busyz' } })
// In a cluster, and with the permission (rbac-report.yaml), it says on the pod how busy it is.
kubernetes(drain, { report: true })

server.listen(Number(process.env.PORT ?? 8080), process.env.HOST ?? '0.0.0.0', () =>
  console.log('listening', server.address()),
)
