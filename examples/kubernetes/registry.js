// A service that other services find in a registry outside of Kubernetes, here with the HTTP API of a Consul agent. Kubernetes does
// not know of it: who asks the registry would go on sending to the pod until its health check fails.
import http from 'node:http'
import { drainServer } from '@podrain/core'

const registry = process.env.REGISTRY ?? 'http://127.0.0.1:8500'
const id = process.env.HOSTNAME ?? `web-${process.pid}`

const server = http.createServer((_request, response) => response.end('ok'))
const drain = drainServer(server)

async function call(path, body) {
  const response = await fetch(`${registry}/v1/agent/service/${path}`, {
    method: 'PUT',
    signal: AbortSignal.timeout(2000),
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
  if (!response.ok) throw new Error(`${path}: the registry says ${response.status}`)
}

async function register() {
  const { port } = server.address()
  await call('register', {
    ID: id,
    Name: 'web',
    Address: process.env.POD_IP ?? '127.0.0.1',
    Port: port,
    // If this process dies without a word, the registry finds out by itself.
    Check: {
      HTTP: `http://${process.env.POD_IP ?? '127.0.0.1'}:${port}/readyz`,
      Interval: '5s',
      DeregisterCriticalServiceAfter: '1m',
    },
  })
}

// The first thing a drain does. Clients that have asked the registry a moment ago still come, and are answered: `settle.min` has to
// be as long as they remember the answer.
drain.onDrain(() => call(`deregister/${id}`), { name: 'leave the registry', timeout: 3000 })
// Nobody ends this pod after all.
drain.onResume(register, { name: 'back into the registry' })

server.listen(Number(process.env.PORT ?? 8080), process.env.HOST ?? '0.0.0.0', async () => {
  await register()
  console.log('listening', server.address())
})
