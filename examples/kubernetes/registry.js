// A service in a registry outside of Kubernetes, here with the HTTP API of a Consul agent. Kubernetes does not change that registry.
// Without the hooks below, clients of the registry would send to the pod until its health check fails.
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
  if (!response.ok) throw new Error(`${path}: the registry responded with ${response.status}`)
}

async function register() {
  const { port } = server.address()
  await call('register', {
    ID: id,
    Name: 'web',
    Address: process.env.POD_IP ?? '127.0.0.1',
    Port: port,
    // If this process dies, the registry removes the service after this check has failed for a minute.
    Check: {
      HTTP: `http://${process.env.POD_IP ?? '127.0.0.1'}:${port}/readyz`,
      Interval: '5s',
      DeregisterCriticalServiceAfter: '1m',
    },
  })
}

// Runs when the drain begins. Clients still send to the pod while they cache the registry's response, and are answered. `settle.min` must be
// at least as long as they cache it.
drain.onDrain(() => call(`deregister/${id}`), { name: 'leave the registry', timeout: 3000 })
// Runs if the drain is undone, because nothing terminates this pod.
drain.onResume(register, { name: 'register again' })

server.listen(Number(process.env.PORT ?? 8080), process.env.HOST ?? '0.0.0.0', async () => {
  await register()
  console.log('listening', server.address())
})
