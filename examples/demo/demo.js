/**
 * Rehearses a rolling update of four pods for each framework on this machine, without podrain and with podrain.
 *
 *     pnpm demo [--json FILE] [--page FILE] [--seed N]
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { createProgress, rehearse, renderPage, renderTable } from '@podrain/rehearsal'

const frameworks = ['fastify', 'express', 'koa']
const examples = resolve(import.meta.dirname, '..')
const clients = { keepAlive: 16, newConnection: 6, slowKeepAlive: 4, streaming: 2, post: 2 }

const { values } = parseArgs({
  options: {
    json: { type: 'string' },
    page: { type: 'string' },
    seed: { type: 'string', default: '1' },
  },
})
// pnpm runs scripts in the root of the workspace. Paths are relative to the directory in which the command was entered.
const here = process.env.INIT_CWD ?? process.cwd()
const page = resolve(here, values.page ?? join(examples, '..', '.podrain', 'demo.html'))

function rehearsal(framework, podrain, onEvent) {
  return rehearse({
    name: framework,
    labels: { podrain: podrain ? 'yes' : 'no' },
    command: process.execPath,
    args: [podrain ? 'server.js' : 'bare.js'],
    cwd: join(examples, framework),
    replicas: 4,
    maxSurge: 1,
    maxUnavailable: 0,
    terminationGracePeriodSeconds: 30,
    // Services without podrain have no endpoint for the hook.
    preStop: podrain ? { httpGet: { path: '/prestop' } } : undefined,
    requests: { get: '/work', stream: '/stream', post: '/upload' },
    clients,
    warmUp: 3000,
    coolDown: 2000,
    seed: Number(values.seed),
    onEvent,
  })
}

async function rehearseAll(podrain) {
  const progress = createProgress()
  try {
    return await Promise.all(
      frameworks.map((framework) =>
        rehearsal(framework, podrain, progress.follow(`${framework} ${podrain ? 'with podrain' : 'bare'}`.padEnd(20))),
      ),
    )
  } finally {
    progress.stop()
  }
}

console.log('A rolling update of 4 pods with 30 clients, for each framework. First without podrain:')
const bare = await rehearseAll(false)
console.log('Then with podrain:')
const drained = await rehearseAll(true)
const results = frameworks.flatMap((_, index) => [bare[index], drained[index]])

console.log(`\n${renderTable(results)}\n`)
await mkdir(dirname(page), { recursive: true })
await writeFile(page, renderPage(results, { title: 'A rolling update, without podrain and with it' }))
console.log(`Timeline: ${page}`)
if (values.json !== undefined) {
  const runs = results.map(({ options, summary, events, samples }) => ({
    framework: options.name,
    podrain: options.labels.podrain === 'yes',
    total: summary.requests,
    ...summary,
    options,
    events,
    samples,
  }))
  const file = resolve(here, values.json)
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, `${JSON.stringify({ runs }, null, 1)}\n`)
  console.log(`Data: ${file}`)
}
