/**
 * Shows with many repetitions what a test would take too long for: a process always exits before SIGKILL, refused callers of `/prestop`
 * change nothing, and a drain without a signal is always undone.
 *
 *     node --expose-gc .ci/measure/proof.mjs [--times 100]
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import http from 'node:http'
import { createRequire } from 'node:module'
import net from 'node:net'
import { parseArgs } from 'node:util'
import { numberOf } from '../shared/arguments.mjs'

const { drainServer } = createRequire(import.meta.url)('../../packages/core/dist/index.js')
const { values } = parseArgs({ options: { times: { type: 'string', default: '100' } } })
const times = numberOf('times', values.times)
let failures = 0

function conclude(isShown, line) {
  console.log(`${isShown ? 'shown' : 'NOT SHOWN'}: ${line}`)
  if (!isShown) failures++
}

/** Calls `act` `count` times, at most `concurrency` at the same time. Resolves with all results. */
async function repeat(count, concurrency, act) {
  const results = []
  let begun = 0
  const work = async () => {
    while (begun++ < count) results.push(await act())
  }
  await Promise.all(Array.from({ length: concurrency }, work))
  return results
}

const spread = (numbers) => {
  const sorted = numbers.toSorted((a, b) => a - b)
  const at = (share) => sorted[Math.floor(share * (sorted.length - 1))].toFixed(0)
  return `${at(0)}–${at(1)} ms, median ${at(0.5)}`
}

/** Everything that can keep a process from exiting. */
const hangs = {
  'a handler that never answers': { asks: '/hold' },
  'a client that does not read': { asks: '/large', reads: false },
  'an onClose hook that never ends': { hang: 'hook' },
  'an onDrain hook that never ends': { hang: 'onDrain' },
  'a task that never ends': { hang: 'task' },
  'an event loop that is blocked for 2 s': { hang: 'loop' },
}

/** Milliseconds from SIGTERM to SIGKILL. */
const grace = 3000

async function exitOf({ hang, asks, reads = true }) {
  const options = { terminationGracePeriodSeconds: grace / 1000, reserve: 600 }
  const child = fork('packages/core/test/fixtures/app.mjs', [JSON.stringify({ hang, options })], {
    stdio: ['ignore', 'pipe', 'ignore', 'ipc'],
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text
  })
  const said = async (pattern) => {
    while (!pattern.test(output)) await once(child.stdout, 'data')
    return pattern.exec(output)
  }
  const [, port] = await said(/listening (\d+)/)
  let client
  if (asks) {
    client = net.connect(port, '127.0.0.1').on('error', () => {})
    client.write(`GET ${asks} HTTP/1.1\r\nHost: pod\r\n\r\n`)
    if (reads) client.resume()
    await said(asks === '/hold' ? /held/ : /large response closed/)
  }
  const exited = once(child, 'exit')
  const begun = performance.now()
  child.kill('SIGTERM')
  const kill = setTimeout(() => child.kill('SIGKILL'), grace)
  const [code, signal] = await exited
  clearTimeout(kill)
  client?.destroy()
  return { code, signal, ms: performance.now() - begun }
}

for (const [what, config] of Object.entries(hangs)) {
  const exits = await repeat(times, 6, () => exitOf(config))
  const inTime = exits.filter(({ signal }) => signal === null)
  const codes = [...new Set(inTime.map(({ code }) => code))].join(', ')
  conclude(
    inTime.length === times,
    `with ${what} the process exits before SIGKILL (${grace} ms) in ${inTime.length} of ${times} runs, ` +
      `after ${spread(exits.map(({ ms }) => ms))}, with exit code ${codes}`,
  )
}

const short = { terminationGracePeriodSeconds: 1, reserve: 100, closing: 200, settle: { min: 100, quiet: 50 } }
const quiet = { signals: false, logger: false }

/** Calls the hook and sends no signal. Resolves with the milliseconds until the pod serves again. */
async function undone() {
  const server = http.createServer((_request, response) => response.end('ok')).listen(0, '127.0.0.1')
  const drain = drainServer(server, { ...short, ...quiet })
  await once(server, 'listening')
  const begun = performance.now()
  const hook = fetch(`http://127.0.0.1:${server.address().port}/prestop`)
  while (drain.state !== 'draining') await once(drain, 'state')
  while (drain.state !== 'serving') await once(drain, 'state')
  const ms = performance.now() - begun
  await hook
  const { status } = await fetch(`http://127.0.0.1:${server.address().port}/readyz`)
  await drain.dispose()
  server.close()
  server.closeAllConnections()
  return { ms, ready: status === 200 }
}

const undoings = await repeat(times, 10, undone)
// A busy machine may delay the end of a drain, but the drain must not be undone early.
const onTime = undoings.filter(({ ms, ready }) => ready && ms >= 1000 && ms < 1400)
conclude(
  onTime.length === times,
  `a drain without a signal is undone after its grace period (1000 ms), and the pod is ready again, in ${onTime.length} of ` +
    `${times} trials, after ${spread(undoings.map(({ ms }) => ms))}`,
)

/** Calls `/prestop` as a caller that is refused. Checks the responses, the memory and the state of the drain. */
async function refusedCalls(what, options, headers, calls = 10_000) {
  const server = http.createServer((request, response) => {
    response.writeHead(request.url === '/' ? 200 : 404).end(request.url === '/' ? 'ok' : 'nothing here')
  })
  const drain = drainServer(server, { ...quiet, ...options })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const agent = new http.Agent({ keepAlive: true, maxSockets: 20 })
  const ask = (path, more = {}) =>
    new Promise((resolve, reject) => {
      http
        .get({ port: server.address().port, host: '127.0.0.1', path, agent, headers: more }, async (response) => {
          let body = ''
          for await (const chunk of response.setEncoding('utf8')) body += chunk
          resolve(`${response.statusCode} ${body}`)
        })
        .on('error', reject)
    })
  let right = 0
  const call = async () => {
    const [refused, own] = [await ask('/prestop', headers), await ask('/')]
    if (refused === '404 nothing here' && own === '200 ok') right++
  }
  await repeat(calls, 20, call) // a warm-up, so that compiled code and caches do not count as growth
  right = 0
  const heap = () => {
    global.gc()
    global.gc()
    return process.memoryUsage().heapUsed
  }
  const before = heap()
  await repeat(calls, 20, call)
  const grown = heap() / before - 1
  conclude(
    right === calls && grown < 0.01 && drain.state === 'serving' && drain.inFlight === 0,
    `${calls.toLocaleString('en')} calls of /prestop ${what}: ${right.toLocaleString('en')} got the application’s own 404, ` +
      `and other requests were answered; memory grew by ${(grown * 100).toFixed(2)} %, state ${drain.state}`,
  )
  agent.destroy()
  await drain.dispose()
  server.close()
}

await refusedCalls('through a proxy', {}, { 'x-forwarded-for': '203.0.113.7' })
await refusedCalls('without the token', { token: 'secret' }, { authorization: 'Bearer guess' })

console.log(failures === 0 ? 'everything shown' : `${failures} not shown`)
process.exit(failures === 0 ? 0 : 1)
