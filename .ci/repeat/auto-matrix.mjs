/**
 * Servers without podrain in their code, under `node --import @podrain/auto`, on every supported Node version: which requests a
 * rolling update loses with SIGTERM alone, and with the preStop hook; and whether `/readyz` and `/livez` respond.
 *
 *     node .ci/repeat/auto-matrix.mjs [--node 20,22,24,26] [--only express,koa,…] [--whole: two pods, each with a network namespace]
 *
 * The servers are fixtures of packages/frameworks, installed once from npm. The results are printed and not stored.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { parseArgs } from 'node:util'
import { namesOf } from '../shared/arguments.mjs'
import { freePort } from '../shared/free-port.mjs'
import { tableOf } from '../shared/table.mjs'
import { node, supported } from './node.mjs'

const require = createRequire(import.meta.url)
const load = (name) => require(`../../packages/frameworks/dist/${name}.js`)

const ten = ['node-http', 'express', 'koa', 'fastify', 'hapi', 'hono', 'h3-2', 'trpc', 'graphql-yoga', 'apollo-5']
const { values } = parseArgs({
  options: {
    node: { type: 'string', default: supported.join() },
    only: { type: 'string', default: ten.join() },
    whole: { type: 'boolean', default: false },
  },
})

/** The first variant of a fixture that preloads @podrain/auto. */
const preloaded = ({ variants }) => variants.find(({ command }) => command.join(' ').includes('--import @podrain/auto'))

/** Probes a process as the kubelet does, and sends SIGTERM. Resolves with what is wrong; undefined if all is right. */
async function probed({ command: [binary, ...args], env }, cwd) {
  const port = await freePort()
  const child = spawn(binary, args, {
    cwd,
    env: { ...process.env, NODE_ENV: 'production', HOST: '127.0.0.1', PORT: String(port), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (said += text))
  const exit = once(child, 'exit')
  const late = setTimeout(() => child.kill('SIGKILL'), 120_000)
  try {
    const status = async (path) => (await fetch(`http://127.0.0.1:${port}${path}`)).status
    while (child.exitCode === null && child.signalCode === null) {
      const ready = await status('/readyz').catch(() => undefined)
      if (ready === undefined) continue
      const live = await status('/livez')
      child.kill('SIGTERM')
      const [code, signal] = await exit
      if (ready === 200 && live === 200 && code === 0) return undefined
      return `/readyz ${ready}, /livez ${live}, exit ${code ?? signal}: ${said}`
    }
    return `the server did not start: ${said}`
  } finally {
    clearTimeout(late)
    child.kill('SIGKILL')
  }
}

const cell = ({ failed, lost, requests }) => (failed === undefined ? `${lost} of ${requests}` : 'not measured')

async function main() {
  const all = (await load('fixture').loadFixtures()).filter(preloaded)
  const ids = all.map(({ id }) => id)
  const fixtures = namesOf('only', values.only, ids).map((id) => all[ids.indexOf(id)])
  const nodes = namesOf('node', values.node, supported).map(node)
  const { install, pack } = load('install')
  const { measure } = load('measure')
  const tarballs = await pack(fixtures)
  const complaints = []
  const rows = []
  let passed = 0
  let requests = 0
  for (const fixture of fixtures) {
    const directory = await install(fixture, tarballs)
    for (const { binary, version } of nodes) {
      const variant = preloaded(fixture)
      const here = { ...variant, command: [binary, ...variant.command.slice(1)] }
      const wrong = await probed(here, directory)
      const quick = !values.whole
      const outcomes = []
      for (const hook of [false, true]) outcomes.push(await measure(fixture, here, { directory, hook, quick }))
      const failures = wrong === undefined ? [] : [wrong]
      for (const { failed, hook, lost, lostByCause, exits } of outcomes) {
        if (failed !== undefined) failures.push(failed)
        else if (lost > 0) failures.push(`${hook}: lost ${JSON.stringify(lostByCause)}`)
        else if (Object.keys(exits).join() !== 'exit 0') failures.push(`${hook}: ${JSON.stringify(exits)}`)
      }
      for (const each of outcomes) requests += each.requests ?? 0
      passed += 3 - failures.length
      complaints.push(...failures.map((text) => `${fixture.name} on Node ${version}: ${text}`))
      rows.push([fixture.name, version.slice(1), wrong === undefined ? 'answered' : 'wrong', ...outcomes.map(cell)])
      console.error(rows.at(-1).join(', '))
    }
  }
  console.log(tableOf(['server', 'Node', '`/readyz`, `/livez`', 'lost, SIGTERM alone', 'lost, with the hook'], rows))
  console.log(`\n${fixtures.length} servers on ${nodes.length} Node versions, ${requests} requests`)
  for (const complaint of complaints) console.log(`\n${complaint}`)
  console.log(`\n${passed} passed, ${complaints.length} failed`)
  process.exitCode = complaints.length > 0 ? 1 : 0
}

await main()
