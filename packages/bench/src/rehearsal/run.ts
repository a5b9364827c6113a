// Rehearses a rolling update with some minutes of load after it. Arguments: replicas, clients, minutes.
import { rehearse, renderPage } from '@podrain/rehearsal'
import type { Rehearsed } from './data.js'
import { rate, timeoutSeconds } from './terms.js'

const [replicas = 3, clients = 16, minutes = 1] = process.argv.slice(2).map(Number)

/**
 * An app that drains with podrain. An app that only closes its server some seconds after SIGTERM would lose requests: of 2,000
 * clients, some have not sent a request by then, and now and then one sends on its keep-alive connection just as the server
 * closes that connection.
 */
const app = `
const { drainServer } = require(${JSON.stringify(require.resolve('@podrain/core'))})
const server = require('node:http').createServer((request, response) => setTimeout(() => response.end('done'), 5))
drainServer(server)
server.listen(process.env.PORT, process.env.HOST)
`

async function main(): Promise<void> {
  const result = await rehearse({
    name: 'bench',
    command: process.execPath,
    args: ['--max-old-space-size=32', '-e', app],
    replicas,
    readinessProbe: { path: '/readyz', periodSeconds: 1, timeoutSeconds },
    startupTimeout: 120_000,
    requests: { get: '/work' },
    clients: { keepAlive: clients / 2, newConnection: clients / 4, slowKeepAlive: clients / 4 },
    rate,
    coolDown: minutes * 60_000,
    timeout: 3_600_000,
    maxRequests: 10_000_000,
  })
  const { requests, lost, eventLoopDelayMs, loadEventLoopDelayMs, verdict, durationMs } = result.summary
  const memory = process.resourceUsage().maxRSS * 1024
  const json = JSON.stringify(result).length
  const begun = performance.now()
  const page = renderPage([result]).length
  const rendered = performance.now() - begun
  const held = { heldUp: eventLoopDelayMs ?? 0, loadHeldUp: loadEventLoopDelayMs }
  const sizes = { memory, json, page, rendered }
  const data: Rehearsed = {
    replicas,
    clients,
    minutes,
    duration: durationMs,
    requests,
    lost,
    verdict,
    ...held,
    ...sizes,
  }
  console.log(JSON.stringify(data))
}

void main()
