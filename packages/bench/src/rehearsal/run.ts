// Rehearses a rolling update for some seconds: replicas, clients and seconds are its arguments.
import { rehearse, type Verdict } from '@podrain/rehearsal'

/** Times in ms, memory in bytes. */
export interface Rehearsed {
  readonly requests: number
  readonly heldUp: number
  readonly loadHeldUp: number
  readonly memory: number
  readonly verdict: Verdict
}

const [replicas = 3, clients = 16, seconds = 20] = process.argv.slice(2).map(Number)

/** Loses nothing, unless the machine is too busy for it. */
const app = `
let draining = false
const server = require('node:http').createServer((request, response) => {
  if (draining) response.setHeader('Connection', 'close')
  setTimeout(() => response.end('done'), 5)
})
server.listen(process.env.PORT, process.env.HOST)
process.on('SIGTERM', () => {
  draining = true
  setTimeout(() => server.close(() => process.exit()), 2000)
})
`

async function main(): Promise<void> {
  const abort = new AbortController()
  const { summary } = await rehearse({
    name: 'bench',
    command: process.execPath,
    args: ['--max-old-space-size=32', '-e', app],
    replicas,
    maxSurge: 2,
    readinessProbe: { path: '/readyz', periodSeconds: 1, timeoutSeconds: 1 },
    startupTimeout: 120_000,
    requests: { get: '/work' },
    clients: { keepAlive: clients / 2, newConnection: clients / 4, slowKeepAlive: clients / 4 },
    rate: 500,
    signal: abort.signal,
    onEvent(event) {
      // Its time begins when there is load.
      if (event.type === 'phase' && event.phase === 'warming up') {
        setTimeout(() => abort.abort(new Error('the bench has seen enough')), seconds * 1000).unref()
      }
    },
  })
  const { requests, heldUpMs, loadHeldUpMs, verdict } = summary
  const memory = process.resourceUsage().maxRSS * 1024
  const data: Rehearsed = { requests, heldUp: heldUpMs ?? 0, loadHeldUp: loadHeldUpMs, memory, verdict }
  console.log(JSON.stringify(data))
}

void main()
