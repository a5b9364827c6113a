import { describe, expect, test } from 'vitest'
import {
  conclude,
  type Happening,
  type Rehearsal,
  type RehearsalOptions,
  resolveOptions,
  type Sample,
  verdictSentence,
} from '../src/index.js'
import { eachKind } from '../src/load/kinds.js'
import { verdictOfAll } from '../src/show/verdict.js'

const counts = (keepAlive: number) => eachKind((kind) => (kind === 'keepAlive' ? keepAlive : 0))
const lost = (sentAt: number): Happening => ({
  type: 'lost',
  client: 'keepAlive',
  pod: 'old-1',
  method: 'GET',
  path: '/',
  cause: 'reset',
  message: 'socket hang up',
  sentAt,
  reused: false,
})

interface Story {
  readonly requests?: number
  readonly losses?: number
  readonly eventLoopDelayMs?: number
  readonly loadEventLoopDelayMs?: number
  readonly hopEventLoopDelayMs?: number
  readonly incomplete?: string
  readonly samples?: readonly Sample[]
  readonly requested?: RehearsalOptions['requests']
}

/** 1,000 requests before the scenario, and so many since. */
function tell({
  requests = 5000,
  losses = 0,
  eventLoopDelayMs = 20,
  loadEventLoopDelayMs = 30,
  hopEventLoopDelayMs = 0,
  incomplete,
  samples = [],
  requested,
}: Story): Rehearsal {
  const happenings: Array<[number, Happening]> = [
    [0, { type: 'pod-start', pod: 'old-1', old: true, host: '127.0.0.1', port: 1 }],
    [2000, { type: 'scenario-begin', requests: counts(1000) }],
    [2001, { type: 'pod-deleted', pod: 'old-1' }],
    ...Array.from({ length: losses }, (): [number, Happening] => [2500, lost(2490)]),
    [2600, { type: 'pod-exit', pod: 'old-1', code: 0, signal: null }],
    [
      9000,
      {
        type: 'load-end',
        requests: counts(1000 + requests),
        eventLoopDelayMs,
        loadEventLoopDelayMs,
        hopEventLoopDelayMs,
      },
    ],
  ]
  const events = happenings.map(([t, happening]) => ({ t, ...happening }))
  return conclude(resolveOptions({ command: 'node', requests: requested }), events, samples, incomplete ?? null)
}

describe('the verdict is', () => {
  test('clean when nothing was lost of enough requests', () => {
    const result = tell({})
    expect(result.summary.verdict).toBe('clean')
    expect(verdictSentence(result)).toBe('Nothing lost: all 6000 requests were answered.')
  })

  test('lost when something was, and says how much of it is allowed', () => {
    const result = tell({ losses: 3 })
    expect(result.summary.verdict).toBe('lost')
    expect(verdictSentence(result)).toBe('3 of 6000 requests lost.')
    expect(verdictSentence(result, 5)).toBe('3 of 6000 requests lost; 5 are allowed.')
  })

  test('inconclusive when the kubelet was held up for longer than a probe may take, lost or not', () => {
    for (const losses of [0, 3]) {
      const result = tell({ eventLoopDelayMs: 1600, losses })
      expect(result.summary.verdict).toBe('inconclusive')
      expect(verdictSentence(result)).toMatch(
        /^Inconclusive\. This machine was too busy: the kubelet could do nothing for 1600 ms/,
      )
    }
  })

  test('inconclusive when the clients were held up for as long as a probe may take', () => {
    expect(tell({ loadEventLoopDelayMs: 999 }).summary.verdict).toBe('clean')
    expect(tell({ loadEventLoopDelayMs: 1000 }).summary.verdict).toBe('inconclusive')
  })

  test('inconclusive when what stands between clients and pods was held up for as long as that', () => {
    expect(tell({ hopEventLoopDelayMs: 999 }).summary.verdict).toBe('clean')
    expect(verdictSentence(tell({ hopEventLoopDelayMs: 1000 }))).toMatch(
      /^Inconclusive\. This machine was too busy: the proxy between clients and pods could do nothing for 1000 ms/,
    )
  })

  test('cut short when it ended before its time with nothing lost, and lost when something was', () => {
    const incomplete = 'The rehearsal was not over after 600 s'
    expect(tell({ incomplete }).summary.verdict).toBe('cut short')
    expect(verdictSentence(tell({ incomplete }))).toBe(
      'Cut short. The rehearsal was not over after 600 s. Nothing lost of the 6000 requests until then.',
    )
    expect(tell({ incomplete, losses: 1 }).summary.verdict).toBe('lost')
  })
})

test('a clean verdict of few requests says how many could be lost unseen', () => {
  expect(verdictSentence(tell({ requests: 4 }))).toMatch(
    /Only 4 requests were sent while this happened: an app that loses up to 75 % of all would have passed, too\.$/,
  )
  expect(verdictSentence(tell({ requests: 300 }))).not.toContain('Only')
})

test('a verdict on a single request whose usual answer is no success says what was asked', () => {
  const notFound = { path: '/', status: 404 }
  const asked = 'all 6000 requests were answered (only GET /, a 404).'
  expect(verdictSentence(tell({ requested: [notFound] }))).toBe(`Nothing lost: ${asked}`)
  expect(verdictOfAll([tell({ requested: [notFound] }), tell({ requested: [notFound] })])).toContain(
    'all 12000 requests were answered (only GET /, a 404).',
  )
  for (const requested of [
    { get: '/' },
    [{ path: '/' }],
    [notFound, { path: '/orders' }],
    { mix: [notFound], sse: '/events' },
  ]) {
    expect(verdictSentence(tell({ requested }))).not.toContain('only')
  }
})

test('a request that failed as before counts neither as answered nor as lost', () => {
  const { summary, ...result } = tell({})
  expect(verdictSentence({ ...result, summary: { ...summary, background: 40 } })).toBe(
    'Nothing lost of 6000 requests. 40 of them failed as requests did before anything was done to the pods: the drain is not the cause.',
  )
})

test.each<[string, Happening[], string]>([
  ['was answered 404', [{ type: 'hook-end', pod: 'old-1', outcome: 'done', status: 404 }], 'was answered 404.'],
  [
    'failed',
    [
      { type: 'hook-failed', pod: 'old-1', message: 'exit code 127: sh: bye: not found\nsh: and more' },
      { type: 'hook-end', pod: 'old-1', outcome: 'failed' },
    ],
    'failed: exit code 127: sh: bye: not found.',
  ],
])('a hook that %s is told, also when nothing was lost', (_, hook, told) => {
  const { events, ...result } = tell({})
  const more = hook.map((happening) => ({ t: 2400, ...happening }))
  expect(verdictSentence({ ...result, events: [...events, ...more] })).toBe(
    `Nothing lost: all 6000 requests were answered. The preStop hook of 1 pod ${told}`,
  )
})

test('several rehearsals say what share is lost at most, by the rule of three', () => {
  const results = [tell({}), tell({}), tell({})]
  expect(verdictOfAll(results)).toBe(
    'Nothing lost in 3 rehearsals: all 18000 requests were answered. With a confidence of 95 %, fewer than 1 in 5000 are lost.',
  )
  expect(verdictOfAll([...results, tell({ losses: 2 })])).toBe('2 of 24000 requests lost, in 1 of 4 rehearsals.')
  expect(verdictOfAll([...results, tell({ eventLoopDelayMs: 2000 })])).toContain(
    '1 of the rehearsals were cut short or are inconclusive.',
  )
})

describe('the time without any answer', () => {
  /** One sample every 100 ms; a request is on its way at each. */
  const samplesOf = (answers: string): Sample[] =>
    [...answers].map((answer, index) => ({
      type: 'sample',
      t: 1000 + index * 100,
      inFlight: counts(1),
      requests: 0,
      lost: 0,
      answered: answer === '-' ? {} : { 'old-1': Number(answer) },
      latency: null,
    }))

  test('is that of the longest stretch, and of all of them', () => {
    const samples = samplesOf('1111111111111-----11----11')
    expect(tell({ samples }).summary.outage).toEqual({ longestMs: 500, totalMs: 900 })
    expect(verdictSentence(tell({ samples }))).toContain('for 0.5 s no client got an answer')
  })

  test('is none when it was as long before anything was done to the pods', () => {
    expect(tell({ samples: samplesOf('11---1---1---111---11---11') }).summary.outage).toEqual({
      longestMs: 0,
      totalMs: 0,
    })
  })

  test('is none when nobody waits', () => {
    const idle = samplesOf('1111111111111--------11').map((sample) => ({ ...sample, inFlight: counts(0) }))
    expect(tell({ samples: idle }).summary.outage.longestMs).toBe(0)
  })
})
