import { PassThrough } from 'node:stream'
import { expect, onTestFinished, test, vi } from 'vitest'
import { conclude, createProgress, type LiveEvent, renderTable } from '../src/index.js'
import { noRequests, sampleRehearsal } from './sample.js'

test('a table has a row for each result and a column for each label', () => {
  expect(`\n${renderTable([sampleRehearsal('first')], { colour: false })}\n`).toMatchInlineSnapshot(`
    "
    ┌───────┬─────────────┬─────────┬──────────┬──────┬────────────────┬─────────────────┬────────────┐
    │ name  │ framework   │ podrain │ requests │ lost │ how            │ pods gone after │ exits      │
    ├───────┼─────────────┼─────────┼──────────┼──────┼────────────────┼─────────────────┼────────────┤
    │ first │ <b>bold</b> │ no      │      172 │    6 │ 3 × refused    │           1.0 s │ 1 × exit 0 │
    │       │             │         │          │      │ 1 × reset      │                 │            │
    │       │             │         │          │      │ 1 × truncated  │                 │            │
    │       │             │         │          │      │ 1 × status 503 │                 │            │
    └───────┴─────────────┴─────────┴──────────┴──────┴────────────────┴─────────────────┴────────────┘

    first, framework <b>bold</b>, podrain no  2 × refused  old-1 was gone (exit 0) 80 ms after SIGTERM, although every client could have known by then. Its preStop hook had failed: socket hang up.
      → The preStop hook failed: is its port right? Make it answer after 5 s, and keep the listener open meanwhile.

    first, framework <b>bold</b>, podrain no  1 × reset  old-1 ended (exit 0) 80 ms after SIGTERM, 0 ms after the request was sent.
      → Exit only when nothing is in flight, and make clients leave first: send \`Connection: close\` with every response after SIGTERM.

    first, framework <b>bold</b>, podrain no  1 × truncated  old-1 ended (exit 0) 80 ms after SIGTERM, 0 ms after the request was sent.
      → as above
      and 2 more, for other reasons
    "
  `)
})

test('a table that is wider than the terminal is a list', () => {
  const text = renderTable([sampleRehearsal('first')], { colour: false, columns: 80 })
  expect(text.slice(0, text.indexOf('\n\n'))).toMatchInlineSnapshot(`
    "name             first
    framework        <b>bold</b>
    podrain          no
    requests         172
    lost             6
    how              3 × refused, 1 × reset, 1 × truncated, 1 × status 503
    pods gone after  1.0 s
    exits            1 × exit 0"
  `)
})

test('a table of a rehearsal that ended before any pod does not say how pods ended', () => {
  const { options, events, samples } = sampleRehearsal('first')
  const cut = conclude(
    options,
    events.filter(({ type }) => type !== 'pod-exit'),
    samples,
    'Enough',
  )
  expect(renderTable([cut], { colour: false, columns: 80 })).toMatch(/^pods gone after +–\nexits +–$/m)
})

test('a table is coloured when asked to be', () => {
  expect(renderTable([sampleRehearsal()], { colour: true })).toContain('\u001b[31m6\u001b[39m')
})

const inFlight = { ...noRequests, keepAlive: 1 }
const nothing = { answered: {}, latency: null }
const live: LiveEvent[] = [
  { t: 0, type: 'phase', phase: 'starting pods' },
  { t: 5, type: 'pod-start', pod: 'old-1', old: true, host: '127.0.0.1', port: 20001 },
  { t: 400, type: 'pod-ready', pod: 'old-1' },
  { t: 410, type: 'phase', phase: 'warming up' },
  { t: 1500, type: 'sample', inFlight, requests: 40, lost: 0, ...nothing },
  { t: 2400, type: 'phase', phase: 'rolling update' },
  { t: 2500, type: 'sample', inFlight, requests: 90, lost: 2, ...nothing },
  { t: 2600, type: 'pod-exit', pod: 'old-1', code: 0, signal: null },
  { t: 3500, type: 'phase', phase: 'cooling down' },
  { t: 3900, type: 'phase', phase: 'done' },
]

function show(isTTY: boolean, term = 'xterm'): string {
  vi.stubEnv('TERM', term)
  onTestFinished(() => void vi.unstubAllEnvs())
  const stream = Object.assign(new PassThrough(), { isTTY, columns: 120 })
  const progress = createProgress({ stream })
  const [first, second] = [progress.follow('first'), progress.follow('second')]
  for (const event of live) {
    first(event)
    second(event)
  }
  progress.stop()
  // One read is all that is buffered up to Node 24, and one chunk of it from Node 26 on.
  const chunks: string[] = []
  for (let chunk = stream.read(); chunk !== null; chunk = stream.read()) chunks.push(String(chunk))
  return chunks.join('')
}

test('without a terminal, progress is at most one line a second for each rehearsal, and the last word', () => {
  expect(
    show(false)
      .split('\n')
      .filter((line) => line.startsWith('first')),
  ).toEqual([
    'first: starting pods, 0 requests, 0 lost',
    'first: warming up, 40 requests, 0 lost',
    'first: rolling update, 90 requests, 2 lost',
    'first: cooling down, 90 requests, 2 lost',
    'first: done, 90 requests, 2 lost',
  ])
})

test('in a terminal, progress is one bar for each rehearsal', () => {
  const text = show(true)
  for (const name of ['first', 'second']) expect(text).toMatch(new RegExp(`${name} .*done · 90 requests · 2 lost`))
})

test('in a terminal that cannot draw, progress is lines', () => {
  expect(show(true, 'dumb')).toBe(show(false))
})
