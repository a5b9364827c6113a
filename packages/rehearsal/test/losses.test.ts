import { describe, expect, test } from 'vitest'
import {
  type ClientKind,
  conclude,
  type LostEvent,
  type RehearsalEvent,
  renderPage,
  resolveOptions,
} from '../src/index.js'
import { Journal } from '../src/timeline/journal.js'
import { Abridgement, countOf, lossesIn } from '../src/timeline/losses.js'
import { noRequests } from './sample.js'

const pods = 5
const each = 4000

function loss(t: number, more: Partial<LostEvent> = {}): LostEvent {
  const request = { client: 'keepAlive' as ClientKind, pod: 'old-1', method: 'GET', path: '/work' }
  return { t, type: 'lost', ...request, cause: 'status 503', message: '', sentAt: t - 5, reused: false, ...more }
}

/**
 * A rollout in which each old pod answers 503 from its deletion to its end. Before, kept connections saw a fifth of it, and
 * new ones none.
 */
function story(): RehearsalEvent[] {
  const events: RehearsalEvent[] = [{ t: 0, type: 'phase', phase: 'warming up' }]
  for (let pod = 1; pod <= pods; pod++) {
    events.push({ t: 0, type: 'pod-start', pod: `old-${pod}`, old: true, host: '127.0.0.1', port: 1 })
    events.push({ t: 0, type: 'pod-ready', pod: `old-${pod}` })
  }
  for (let index = 0; index < 100; index++) events.push(loss(5 + index * 9))
  events.push({ t: 1000, type: 'scenario-begin', requests: { ...noRequests, keepAlive: 1000, newConnection: 1000 } })
  events.push({ t: 1000, type: 'phase', phase: 'rolling update' })
  for (let pod = 1; pod <= pods; pod++) {
    const begin = pod * 10_000
    events.push({ t: begin, type: 'pod-deleted', pod: `old-${pod}` })
    for (let index = 0; index < each; index++) {
      const client = index % 2 === 0 ? 'keepAlive' : 'newConnection'
      events.push(loss(begin + 1 + index * 2, { pod: `old-${pod}`, client }))
    }
    events.push({ t: begin + 9000, type: 'pod-exit', pod: `old-${pod}`, code: 0, signal: null })
  }
  const requests = { ...noRequests, keepAlive: 21_000, newConnection: 21_000 }
  events.push({ t: 70_000, type: 'load-end', requests, eventLoopDelayMs: 1, loadEventLoopDelayMs: 1 })
  events.push({ t: 70_000, type: 'phase', phase: 'done' })
  return events
}

const total = (events: readonly RehearsalEvent[]) => [...lossesIn(events)].reduce((sum, [, count]) => sum + count, 0)

describe('very many losses', () => {
  const options = resolveOptions({ command: 'node' })
  const result = conclude(options, story(), [])

  test('are listed in full if they are the first of their kind, and the others are counted', () => {
    const full = result.events.filter(({ type }) => type === 'lost')
    expect(full.length).toBeLessThanOrEqual(5000)
    expect(total(result.events)).toBe(pods * each + 100)
    for (let pod = 1; pod <= pods; pod++) {
      const begin = pod * 10_000
      const [first] = full.filter(({ t }) => t >= begin)
      expect(first).toMatchObject({ t: begin + 1, why: expect.stringContaining(`old-${pod} answered 503`) })
    }
    for (const event of result.events) if (event.type === 'more-lost') expect(countOf(event)).toBeGreaterThan(0)
    expect(result.events.map(({ t }) => t)).toEqual(result.events.map(({ t }) => t).toSorted((a, b) => a - b))
  })

  test('are counted exactly in the summary, with those that failed before as well', () => {
    const { lost, background, lostByClient, lostByCause, diagnoses } = result.summary
    expect(lost + background).toBe(pods * each + 100)
    expect(background).toBeGreaterThan(100)
    expect(lostByClient.newConnection).toBe((pods * each) / 2)
    expect(lostByClient.keepAlive).toBe(lost - (pods * each) / 2)
    expect(lostByCause).toEqual({ 'status 503': lost })
    expect(diagnoses.reduce((sum, { count }) => sum + count, 0)).toBe(lost + background)
  })

  test('that have been abridged can be examined again, and are as many', () => {
    const again = conclude(options, result.events, [])
    expect(again.summary.lost).toBe(result.summary.lost)
    expect(again.summary.lostByClient).toEqual(result.summary.lostByClient)
  })

  test('are all on the page, by pod and in its tables', () => {
    const page = renderPage([result])
    const figure = JSON.parse(/<script type="application\/json">(.*?)<\/script>/.exec(page)?.[1] ?? '{}')
    const drawn = figure.losses.reduce((sum: number, [, , count]: number[]) => sum + (count ?? 0), 0)
    expect(drawn).toBe(result.summary.lost)
    expect(figure.lanes.map(({ lost }: { lost: number }) => lost).reduce((a: number, b: number) => a + b)).toBe(drawn)
  })
})

describe('losses', () => {
  test('that are few are all told in full', () => {
    const losses = new Abridgement()
    for (let index = 0; index < 300; index++) losses.add(loss(index))
    expect(losses.events).toHaveLength(300)
  })

  test('of very many kinds leave room for the first of each', () => {
    const losses = new Abridgement(100)
    for (let index = 0; index < 3000; index++) losses.add(loss(index, { path: `/${index % 60}` }))
    const full = losses.events.filter(({ type }) => type === 'lost')
    expect(new Set(full.map((event) => event.type === 'lost' && event.path)).size).toBe(60)
    expect(full.length).toBeLessThanOrEqual(100)
    expect(total(losses.events)).toBe(3000)
  })

  test('that threads report late are in the order of time among other events', () => {
    const journal = new Journal(() => {})
    const { t: _, ...common } = loss(0)
    journal.record({ type: 'sigkill', pod: 'old-1' }, 30)
    journal.record({ ...common, sentAt: 19 }, 20)
    journal.record({ ...common, sentAt: 9 }, 10)
    journal.record({ type: 'sigkill', pod: 'old-2' }, 5)
    const told = [...journal.events]
    expect(told.map(({ t }) => t)).toEqual([5, 10, 20, 30])
    expect(told[1]).toEqual({ t: 10, ...common, sentAt: 9 })
    expect([...journal.events]).toEqual(told)
  })
})
