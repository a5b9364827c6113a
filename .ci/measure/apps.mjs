/**
 * Existing applications with podrain added: which requests a rolling update loses, and how long it takes.
 *
 *     node .ci/measure/apps.mjs
 *
 * 1. Applications with their own SIGTERM handler. Load balancers still send requests after the signal.
 * 2. A gateway that copies the headers of its upstream, with `Connection: keep-alive`, and clients with a think time.
 * 3. A server under `node --watch`, outside of a cluster: how soon a new version answers, with and without podrain.
 *
 * The script fails if a request was lost, an exit code was not 0, or a handler did not run exactly once. Times are only printed.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../shared/free-port.mjs'

/** Milliseconds for which the load continues after SIGTERM. */
const loadAfterSignal = 4500
const server = join(import.meta.dirname, 'apps', 'server.mjs')
let failures = 0

const cluster = { KUBERNETES_SERVICE_HOST: '127.0.0.1', TERMINATION_GRACE_PERIOD_SECONDS: '15' }

/** Starts a process, and resolves with its port and its output when it listens. */
async function start(args, config, env) {
  const { KUBERNETES_SERVICE_HOST: _, TERMINATION_GRACE_PERIOD_SECONDS: __, ...inherited } = process.env
  const child = spawn(process.execPath, [...args, JSON.stringify(config)], {
    env: { ...inherited, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const lines = []
  const listening = new Promise((resolve, reject) => {
    child.once('exit', () => reject(new Error(`the application did not start:\n${lines.join('\n')}`)))
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        lines.push(line)
        if (line.startsWith('listening ')) resolve(Number(line.split(' ')[1]))
      })
    }
  })
  const exit = once(child, 'exit').then(([code, signal]) => code ?? signal)
  exit.catch(() => {})
  return { child, lines, exit, port: await listening }
}

/** Sends one request. Resolves with the body of the response, or rejects. */
function ask(port, agent) {
  return new Promise((resolve, reject) => {
    const request = http.get({ host: '127.0.0.1', port, path: '/', agent, timeout: 20_000 }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (text) => {
        body += text
      })
      response.on('end', () => (response.complete ? resolve(body) : reject(new Error('truncated'))))
      response.on('error', reject)
    })
    request.on('timeout', () => request.destroy(new Error('no answer')))
    request.on('error', reject)
  })
}

/** Clients that each send one request after the other, until they are stopped. */
function load(port, clients) {
  const seen = { sent: 0, lost: 0 }
  let on = true
  const run = async ({ keepAlive, think }) => {
    const agent = keepAlive ? new http.Agent({ keepAlive: true, maxSockets: 1 }) : false
    while (on) {
      seen.sent++
      await ask(port, agent).catch(() => seen.lost++)
      await sleep(think)
    }
    if (agent) agent.destroy()
  }
  const all = Promise.all(clients.map(run))
  return {
    seen,
    async stop() {
      on = false
      await all
    },
  }
}

/** Sends SIGTERM to an application under load. */
async function rollOver(config, clients) {
  const app = await start([server], config, cluster)
  await ask(app.port, false)
  const clientsOf = load(app.port, clients)
  await sleep(700)
  const begun = performance.now()
  app.child.kill('SIGTERM')
  const exit = app.exit.then((code) => ({ code, took: performance.now() - begun }))
  await sleep(loadAfterSignal)
  await clientsOf.stop()
  return { ...clientsOf.seen, ...(await exit), lines: app.lines }
}

function markOf(isFailure) {
  if (isFailure) failures++
  return isFailure ? ' ✗' : ''
}

async function ownHandlers() {
  console.log('\nApplications with a SIGTERM handler of their own, no preStop hook:\n')
  console.log('| application | lost | exit | its handler ran | gone after |\n|---|--:|--:|--:|--:|')
  const ways = [
    ['node:http', 'server.close()'],
    ['node:http', 'server.close(exit)'],
    ['node:http', 'exit'],
    ['Express', 'server.close(exit)'],
    ['Express', 'raises the signal again'],
    ['Fastify', 'app.close()'],
    ['Koa', 'server.close(exit)'],
  ]
  const clients = [...Array(2).fill({ keepAlive: false, think: 40 }), ...Array(3).fill({ keepAlive: true, think: 40 })]
  for (const [framework, handler] of ways) {
    const { sent, lost, code, took, lines } = await rollOver({ framework, handler }, clients)
    const ran = lines.filter((line) => line === 'own handler').length
    const mark = markOf(lost > 0 || code !== 0 || ran !== 1)
    console.log(`| ${framework}, ${handler} | ${lost} of ${sent} | ${code} | ${ran} × | ${secondsOf(took)}${mark} |`)
  }
}

async function gateway() {
  console.log('\nApplications that send `Connection: keep-alive`, 20 keep-alive clients:\n')
  console.log('| think time | header | lost | gone after |\n|--:|---|--:|--:|')
  for (const think of [30, 48, 55, 70, 100, 130]) {
    for (const header of ['none', 'setHeader', 'writeHead', 'raw list']) {
      const clients = Array(20).fill({ keepAlive: true, think })
      const { sent, lost, code, took } = await rollOver({ framework: 'node:http', header }, clients)
      const mark = markOf(lost > 0 || code !== 0)
      console.log(`| ${think} ms | ${header} | ${lost} of ${sent} | ${secondsOf(took)}${mark} |`)
    }
  }
}

/** Milliseconds from the change of a file to the first response of the new version, with a client that polls. */
async function restart(podrain) {
  const directory = mkdtempSync(join(tmpdir(), 'podrain-apps-'))
  const version = join(directory, 'version.mjs')
  const write = (number) => writeFileSync(version, `export default '${number}'\n`)
  write(1)
  const port = await freePort()
  const app = await start(['--watch', server], { framework: 'Express', podrain, version, port }, {})
  try {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    await ask(app.port, agent)
    const begun = performance.now()
    write(2)
    while ((await ask(port, agent).catch(() => '')) !== '2') await sleep(20)
    agent.destroy()
    return performance.now() - begun
  } finally {
    app.child.kill('SIGKILL')
    rmSync(directory, { recursive: true })
  }
}

async function development() {
  const pairs = []
  for (let round = 0; round < 5; round++) pairs.push([await restart(false), await restart(true)])
  const ratios = pairs.map(([without, withIt]) => withIt / without).sort((a, b) => a - b)
  const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]
  console.log('\n`node --watch`: time until a new version answers a client that polls')
  console.log(
    `without podrain ${secondsOf(median(pairs.map(([each]) => each)))}, with podrain ${secondsOf(median(pairs.map(([, each]) => each)))}; ` +
      `ratio of the pairs ${ratios[0].toFixed(2)}–${ratios.at(-1).toFixed(2)}, median ${median(ratios).toFixed(2)}`,
  )
}

function secondsOf(ms) {
  return `${(ms / 1000).toFixed(1)} s`
}

await ownHandlers()
await gateway()
await development()
console.log(failures === 0 ? '\nno request lost' : `\n${failures} rows failed`)
process.exit(failures === 0 ? 0 : 1)
