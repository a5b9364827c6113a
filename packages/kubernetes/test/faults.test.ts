import { setTimeout as sleep } from 'node:timers/promises'
import { Drain } from '@podrain/core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { kubernetes } from '../src/index.js'
import { type Fault, faultNames, faults } from './misbehaving.js'
import {
  ApiServer,
  deletedAt,
  FakeClock,
  FakeProcess,
  type Lines,
  Log,
  pass,
  recorded,
  recordedLines,
  turns,
} from './support.js'

const runs = Number(process.env.PODRAIN_FAULT_RUNS ?? 200)

/** Milliseconds that pass at once: what they set off happens at the end of them. */
const step = 50

/** What happens to a pod, and what its API does meanwhile. Times are milliseconds. */
interface World {
  /** What the API does at each call, in turn, and again from the beginning. */
  readonly faults: readonly Fault[]
  /** The `terminationGracePeriodSeconds` of the pod, and what it is given in fact. */
  readonly configured: number
  readonly grace: number
  /** From the deletion to the hook; none if there is no hook. */
  readonly hook: number | undefined
  /** From the deletion to the signal where there is no hook. */
  readonly signal: number
  /** From the deletion until slices say so. */
  readonly lag: number
  /** Who else is behind the Service when slices say that this pod terminates, and how it sends. */
  readonly others: 'ready' | 'none' | 'on other nodes, sent to locally' | 'terminating, too'
  /** The slice lists it under another name than at the beginning. */
  readonly moves: boolean
  /** How long tasks go on after the deletion. */
  readonly tasks: readonly number[]
}

/**
 * A list is read from a majority of etcd, so it is never old, and is believed. Where it is all the same, in a cache that somebody has put
 * in front, the drain waits for a slice that has long let go, but never longer than `settle.max`.
 */
const honest = faultNames.filter((name) => name !== 'a list of what was there at the beginning')

/** What is no Service, or may not be read, says nothing of nodes: then it is taken for what Services usually are. */
const hidesPolicy: readonly Fault[] = [
  '403',
  '404',
  'null',
  'an empty list',
  'a list of nothing',
  'no permission for Services',
  'an error event',
]

function knowsPolicy({ others, faults: all }: World): boolean {
  return others !== 'on other nodes, sent to locally' || !all.some((fault) => hidesPolicy.includes(fault))
}

const world = (lag: fc.Arbitrary<number>, names: readonly Fault[]): fc.Arbitrary<World> =>
  fc
    .record({
      faults: fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 8 }),
      configured: fc.integer({ min: 15, max: 40 }),
      shorter: fc.integer({ min: 0, max: 5 }),
      hook: fc.option(fc.integer({ min: 1, max: 1500 }), { nil: undefined }),
      signal: fc.integer({ min: 1, max: 1500 }),
      lag,
      others: fc.constantFrom('ready', 'ready', 'ready', 'none', 'on other nodes, sent to locally', 'terminating, too'),
      moves: fc.boolean(),
      tasks: fc.array(fc.integer({ min: 0, max: 12_000 }), { maxLength: 2 }),
    })
    .map(({ shorter, ...rest }) => ({ ...rest, grace: rest.configured - shorter }))

/** Whether kube-proxy goes on sending to the pod though it terminates (KEP-1669). */
function isSentTo({ others }: World): boolean {
  return others !== 'ready'
}

/** The slice as it is when the pod terminates. */
function slicesOf({ lag, others, moves }: World, line: string): Lines['endpointslices'] {
  const event = JSON.parse(line)
  const [own, another] = event.object.endpoints
  const beside = {
    ready: [another],
    none: [],
    'on other nodes, sent to locally': [{ ...another, nodeName: 'another' }],
    'terminating, too': [{ ...another, conditions: own.conditions }],
  }[others]
  const ending = { ...event, object: { ...event.object, endpoints: [own, ...beside] } }
  const ms = deletedAt + lag
  if (!moves) return [{ ms, line: JSON.stringify(ending) }]
  const metadata = { ...event.object.metadata, name: 'web-moved', uid: 'moved' }
  return [
    { ms: ms - 2, line: JSON.stringify({ type: 'ADDED', object: { ...ending.object, metadata } }) },
    { ms, line: JSON.stringify({ ...event, object: { ...event.object, endpoints: beside } }) },
  ]
}

function linesOf(course: World): Lines {
  const { grace } = course
  const { pods, endpointslices } = recordedLines()
  const timestamp = new Date(Date.parse('2026-11-21T00:47:28Z') + grace * 1000).toISOString().replace('.000', '')
  const deleted = pods
    .filter(({ ms, line }) => ms < 2300 && line.includes('"type":"MODIFIED"') && line.includes(recorded.pod))
    .map(({ ms, line }) => ({
      ms,
      line: line
        .replace('"deletionTimestamp":"2026-11-21T00:47:48Z"', `"deletionTimestamp":"${timestamp}"`)
        .replace('"deletionGracePeriodSeconds":20', `"deletionGracePeriodSeconds":${grace}`),
    }))
  const [left] = endpointslices
  return { pods: deleted, endpointslices: left ? slicesOf(course, left.line) : [] }
}

interface Course {
  /** When load balancers were waited for no longer, and when it was over, in milliseconds since the deletion. */
  readonly settled: number
  readonly ended: number
  readonly clean: boolean
}

/** Lives through the world, with the package or without. */
async function live(course: World, withPackage: boolean): Promise<Course> {
  const clock = new FakeClock()
  const origin = clock.now() + deletedAt
  const exit = new FakeProcess()
  const drain = new Drain({
    platform: 'kubernetes',
    clock,
    process: exit,
    logger: new Log(),
    terminationGracePeriodSeconds: course.configured,
    keepAliveCap: 0,
  })
  const api = withPackage ? await ApiServer.start(clock, { lines: linesOf(course) }) : undefined
  if (api) {
    let calls = 0
    api.misbehave = (call, response, request) => {
      const fault = course.faults[calls++ % course.faults.length] ?? 'none'
      return faults[fault](clock)(call, response, request)
    }
    if (course.others === 'on other nodes, sent to locally') {
      api.service = { kind: 'Service', spec: { internalTrafficPolicy: 'Cluster', externalTrafficPolicy: 'Local' } }
    }
    kubernetes(drain, { ...recorded, kubeConfig: api.kubeConfig })
  }
  try {
    let settled = Number.NaN
    drain.on('state', (state) => {
      if (state === 'closing') settled = clock.now() - origin
    })
    for (const task of course.tasks) {
      drain.waitUntil(new Promise<void>((resolve) => void clock.after(deletedAt + task, resolve)))
    }
    if (course.hook === undefined) {
      clock.after(deletedAt + course.signal, () => void exit.signal('SIGTERM'))
    } else {
      clock.after(deletedAt + course.hook, () => void drain.prestop().then(() => exit.signal('SIGTERM')))
    }
    let report: { clean: boolean } | undefined
    let ended = Number.NaN
    drain.on('report', (ending) => {
      report = ending
      ended = clock.now() - origin
    })
    while (!report) {
      if (clock.now() > origin + 60_000) throw new Error(`still ${drain.state} a minute after the deletion`)
      await pass(clock, step, step, 12) // the same for both: what is a promise takes turns
      // Closing looks at the kernel, which takes real time: the clock stands still for it.
      for (let tries = 0; drain.state === 'closing' && !report && tries < 50; tries++) await sleep(1)
    }
    await turns(3)
    return { settled, ended, clean: report.clean }
  } finally {
    api?.stop()
  }
}

describe('an API that misbehaves', () => {
  test(`delays no drain: 0 of ${runs}, each beside the same one without the package`, {
    timeout: 280 * Math.max(runs, 1000),
  }, async () => {
    // Slices follow within three seconds, so at `settle.min` there is nothing any more that it could rightly wait for.
    let sooner = 0
    await fc.assert(
      fc.asyncProperty(world(fc.integer({ min: 5, max: 2900 }), honest), async (course) => {
        const [bare, followed] = [await live(course, false), await live(course, true)]
        if (followed.settled < bare.settled) sooner++
        expect(followed.settled).toBeLessThanOrEqual(bare.settled)
        if (course.grace === course.configured) {
          // Of two waits one after the other, each is seen to end up to a step late.
          expect(followed.ended).toBeLessThanOrEqual(bare.ended + step)
          // Of what a list tells late, two servers whose clocks differ take up to the time since the pod was last known to be alive.
          if (!course.faults.includes('a clock that is 15 s fast')) expect(followed.clean).toBe(bare.clean)
        }
        // No sooner than two seconds after the slice has let go of it, or the whole of `settle.min`.
        expect(followed.settled).toBeGreaterThanOrEqual(Math.min(5000, course.lag + 2000))
        // While kube-proxy sends it waits as ever, from when it heard of the deletion.
        if (isSentTo(course) && knowsPolicy(course)) expect(followed.settled).toBeGreaterThanOrEqual(5000)
      }),
      {
        numRuns: runs,
        examples: [
          // The cut comes earlier than without the package, and then there is a task to wait for.
          [
            {
              faults: ['none'],
              configured: 15,
              grace: 15,
              hook: undefined,
              signal: 130,
              lag: 5,
              others: 'ready',
              moves: false,
              tasks: [11_091],
            },
          ],
        ],
      },
    )
    // Or it would only show that nothing ever came through.
    expect(sooner).toBeGreaterThan(runs / 10)
  })

  test('lets a drain wait for a slice that follows late, or seems to, but never longer than `settle.max`', {
    timeout: 120_000,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(world(fc.integer({ min: 5, max: 60_000 }), faultNames), async (course) => {
        const [bare, followed] = [await live(course, false), await live(course, true)]
        expect(followed.ended).toBeLessThanOrEqual(bare.ended + 5000)
      }),
      { numRuns: Math.ceil(runs / 10) },
    )
  })
})
