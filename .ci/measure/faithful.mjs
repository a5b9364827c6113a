/**
 * Rehearses applications that were measured on a real Kubernetes cluster, and compares: which of them lose requests, and how long
 * it takes until every old pod is gone. Writes docs/proof/faithfulness.md. The rows with slow downloads need root, for `netns`. The rows
 * through nginx and haproxy need these programs (Debian: nginx-light, haproxy).
 *
 *     node .ci/measure/faithful.mjs [--only TEXT] [--seed N] [--no-write]
 */
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { parseArgs } from 'node:util'
import { numberOf } from '../shared/arguments.mjs'
import { pageOf } from './faithful/page.mjs'
import { rows } from './faithful/rows.mjs'

const { rehearse } = createRequire(import.meta.url)('../../packages/rehearsal/dist/index.js')
const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    seed: { type: 'string', default: '1' },
    write: { type: 'boolean', default: true },
  },
  allowNegative: true,
})
const first = numberOf('seed', values.seed)
const asked = rows.filter(({ app }) => app.includes(values.only))
if (asked.length === 0) throw new RangeError(`--only takes words of the name of a row, and no row has ${values.only}`)

const kinds = ['keepAlive', 'newConnection', 'slowReader']

async function rehearseRow(row, seed) {
  const { app, env, command = [process.execPath, 'server.mjs'], preStop, through, downloads = false } = row
  const { replicas, startDelay = 900, slowKeepAlive = 0 } = row
  return rehearse({
    name: app,
    command: command[0],
    args: command.slice(1),
    cwd: '.ci/measure/faithful',
    env,
    preStop,
    replicas,
    netns: downloads,
    through,
    requests: { get: '/work', ...(downloads ? { download: '/download' } : {}) },
    clients: { keepAlive: 10, newConnection: 10, slowKeepAlive, slowReader: 3 },
    // Scheduling and sandbox on the cluster: its 2 s per pod without the period of the readiness probe.
    startDelay,
    warmUp: 3000,
    coolDown: 2000,
    timeouts: { total: 20_000 },
    seed,
  })
}

/** The lost requests of a kind of client. Clients that send rarely count as keep-alive clients. */
function lostOf(lost, kind) {
  return kind === 'keepAlive' ? lost.keepAlive + lost.slowKeepAlive : lost[kind]
}

/** Seconds from the beginning of the rolling update to the exit of the last old process. */
function goneAfter({ events }) {
  const begun = events.find(({ type, phase }) => type === 'phase' && phase === 'rolling update').t
  const exits = events.filter(({ type, pod }) => type === 'pod-exit' && pod.startsWith('old-'))
  return (Math.max(...exits.map(({ t }) => t)) - begun) / 1000
}

/** Whether the rehearsal loses requests exactly if the cluster does. A range that begins at 0 allows both. */
function agrees([least, most], lost) {
  if (most === 0) return lost === 0
  return least === 0 || lost > 0
}

const range = ([least, most]) => (least === most ? String(least) : `${least}–${most}`)
const lines = []
let differences = 0
for (const row of asked) {
  const results = []
  const { restarts = 1 } = row
  for (let seed = first; seed < first + restarts; seed++) results.push(await rehearseRow(row, seed))
  const sum = (count) => results.reduce((total, { summary }) => total + count(summary), 0)
  const requests = sum((summary) => summary.requests)
  const gone = Math.max(...results.map(goneAfter))
  const { gone: realGone, seen = '–' } = row.real
  const late = realGone === undefined ? 0 : gone / realGone - 1
  const cells = kinds.map((kind) => {
    const lost = sum(({ lostByClient }) => lostOf(lostByClient, kind))
    const real = row.real[kind] ?? row.now?.[kind]
    if (real === undefined) return kind === 'slowReader' ? '–' : `– / ${lost}`
    const same = agrees(real, lost)
    if (!same) differences++
    return `${row.real[kind] === undefined ? '†' : range(real)} / ${same ? lost : `**${lost}**`}`
  })
  if (Math.abs(late) > 0.2) differences++
  const seconds =
    realGone === undefined
      ? `${seen} / ${gone.toFixed(1)} s`
      : `${realGone} / ${gone.toFixed(1)} s (${late < 0 ? '−' : '+'}${Math.abs(late * 100).toFixed(0)} %)`
  const time = Math.abs(late) > 0.2 ? `**${seconds}**` : seconds
  const why = results.flatMap(({ summary }) => summary.diagnoses).sort((a, b) => b.count - a.count)[0]?.why ?? ''
  lines.push(`| ${row.app}${row.on ?? ''} | ${cells.join(' | ')} | ${time} | ${why} |`)
  console.log(
    `${row.app}: ${requests} requests; ${kinds.map((kind, index) => `${kind} ${cells[index]}`).join(', ')}; ${time}`,
  )
  for (const { summary } of results) {
    for (const { count, cause, kind, why } of summary.diagnoses)
      console.log(`    ${count} × ${cause} (${kind}): ${why}`)
    if (summary.eventLoopDelayMs > 100) console.log(`    held up ${summary.eventLoopDelayMs} ms`)
  }
}
console.log(differences === 0 ? 'the rehearsal agrees with the cluster' : `${differences} differences`)

if (values.write && values.only === '') writeFileSync('docs/proof/faithfulness.md', pageOf(lines, differences))
process.exit(differences === 0 ? 0 : 1)
