// Writes a synthetic result of a long rehearsal. Arguments: pods, lost requests, minutes.
import { type ClientKind, clientKinds, conclude, type Happening, renderPage, resolveOptions } from '@podrain/rehearsal'
// `Journal` records the events of a rehearsal. The package does not export it.
import { Journal } from '../../../rehearsal/dist/timeline/journal.js'
import type { Rendered } from './data.js'

const [pods = 3, lost = 1000, minutes = 10] = process.argv.slice(2).map(Number)
const duration = minutes * 60_000
const counts = (number: number): Record<ClientKind, number> =>
  Object.fromEntries(clientKinds.map((kind) => [kind, kind === 'http2' ? 0 : number])) as Record<ClientKind, number>
const asking: readonly ClientKind[] = ['keepAlive', 'newConnection', 'streaming']

/** Milliseconds for the replacement of one pod. One pod is replaced after the other. */
const slot = (duration - 10_000) / pods
const deletedAt = (pod: number): number => 5000 + pod * slot
const happenings: [number, Happening][] = [[0, { type: 'phase', phase: 'warming up' }]]
for (let pod = 0; pod < pods; pod++) {
  const [old, other] = [`old-${pod + 1}`, `new-${pod + 1}`]
  const gone = deletedAt(pod)
  happenings.push(
    [0, { type: 'pod-start', pod: old, old: true, host: '127.0.0.1', port: 30_000 + pod }],
    [0, { type: 'pod-ready', pod: old }],
    [gone, { type: 'pod-start', pod: other, old: false, host: '127.0.0.1', port: 31_000 + pod }],
    [gone + 0.1, { type: 'pod-ready', pod: other }],
    [gone + 0.2, { type: 'pod-deleted', pod: old }],
    [gone + 0.3, { type: 'sigterm', pod: old, graceSeconds: 30 }],
    [gone + slot / 2, { type: 'pod-exit', pod: old, code: 0, signal: null }],
  )
}
happenings.push(
  [4999, { type: 'scenario-begin', requests: counts(1000) }],
  [4999.1, { type: 'phase', phase: 'rolling update' }],
  [duration - 5000, { type: 'phase', phase: 'cooling down' }],
  [duration, { type: 'load-end', requests: counts(10 * lost), eventLoopDelayMs: 20, loadEventLoopDelayMs: 20 }],
  [duration, { type: 'phase', phase: 'done' }],
)
const journal = new Journal(() => {})
for (const [t, happening] of happenings.toSorted(([a], [b]) => a - b)) journal.record(happening, t)
// The losses are spread evenly over time, as with an app that answers 503 while it drains. That is the largest case for the counts
// over time in the result.
for (let index = 0; index < lost; index++) {
  const pod = Math.floor((index * pods) / lost)
  const into = ((index * pods) / lost - pod) * slot
  const client = asking[index % asking.length] ?? 'keepAlive'
  const t = Math.round((deletedAt(pod) + 1 + into * 0.98) * 10) / 10
  const isGone = into > slot / 2
  const cause = isGone ? ('refused' as const) : index % 2 === 0 ? ('status 503' as const) : ('reset' as const)
  const message = isGone ? `connect ECONNREFUSED 127.0.0.1:${30_000 + pod}` : 'Service Unavailable'
  const request = { method: 'GET', path: '/work', sentAt: t - 0.5, reused: index % 2 === 1 }
  journal.record({ type: 'lost', client, pod: `old-${pod + 1}`, cause, message, ...request }, t)
}
for (let t = 0; t <= duration; t += 100) {
  const answered = Object.fromEntries(
    Array.from({ length: pods }, (_, pod) => [t < deletedAt(pod) ? `old-${pod + 1}` : `new-${pod + 1}`, 3]),
  )
  const requests = Math.round((t / duration) * 10 * lost * asking.length)
  const gone = Math.round((t / duration) * lost)
  journal.sample({
    type: 'sample',
    t,
    inFlight: counts(2),
    requests,
    lost: gone,
    answered,
    latency: { p50: 4.2, p99: 12.5, max: 40.1 },
  })
}

const begun = performance.now()
const options = resolveOptions({ command: 'node', replicas: pods, requests: { get: '/work', stream: '/work' } })
const result = conclude(options, journal.events, journal.samples)
const concluded = performance.now()
if (result.summary.lost !== lost)
  throw new Error(`${lost} requests were lost, and the result has ${result.summary.lost}`)
const page = renderPage([result]).length
const rendered = performance.now()
const json = JSON.stringify(result).length
const memory = process.resourceUsage().maxRSS * 1024
const times = { concluded: concluded - begun, rendered: rendered - concluded }
const data: Rendered = { pods, lost, minutes, json, page, ...times, memory }
console.log(JSON.stringify(data))
