import { presets, resolveOptions as resolveDrain } from '@podrain/core'
import { graceSecondsFor } from '@podrain/core/budget'
import { describe, expect, test } from 'vitest'
import { type ClientKind, eachKind } from '../src/load/kinds.js'
import type { LossCause } from '../src/load/outcome.js'
import type { RehearsalOptions } from '../src/plan/options.js'
import { resolveOptions } from '../src/plan/resolve.js'
import { type Diagnosis, diagnose } from '../src/result/diagnosis.js'
import type { Happening, LostHappening, RehearsalEvent } from '../src/timeline/events.js'

type Told = readonly [t: number, happening: Happening]

const pod = 'old-1'
/** Two pods under load; the first is deleted at 1000. */
const begin: Told[] = [
  [0, { type: 'pod-start', pod, old: true, host: '127.0.0.1', port: 1 }],
  [0, { type: 'pod-start', pod: 'old-2', old: true, host: '127.0.0.1', port: 2 }],
  [100, { type: 'pod-ready', pod }],
  [100, { type: 'pod-ready', pod: 'old-2' }],
  [100, { type: 'endpoints', pods: [pod, 'old-2'] }],
]
const deleted: Told = [1000, { type: 'pod-deleted', pod }]
const sigterm = (t: number): Told => [t, { type: 'sigterm', pod, graceSeconds: 30 }]
const exit = (t: number, code: number | null, signal: string | null = null): Told => [
  t,
  { type: 'pod-exit', pod, code, signal },
]
const known = (t: number): Told => [t, { type: 'endpoints', pods: ['old-2'] }]
const lost = (t: number, more: Partial<LostHappening> = {}): Told => [
  t,
  {
    type: 'lost',
    client: 'keepAlive',
    pod,
    method: 'GET',
    path: '/work',
    cause: 'refused',
    message: 'why not',
    sentAt: t,
    reused: false,
    ...more,
  },
]

function examine(told: readonly Told[], options: Partial<RehearsalOptions> = {}): Diagnosis[] {
  const events: RehearsalEvent[] = told.map(([t, happening]) => ({ t, ...happening }))
  return [...diagnose(events, resolveOptions({ command: 'node', ...options })).diagnoses]
}

function only(told: readonly Told[], options: Partial<RehearsalOptions> = {}): Diagnosis {
  const diagnoses = examine(told, options)
  expect(diagnoses).toHaveLength(1)
  return diagnoses[0] as Diagnosis
}

describe('refused', () => {
  const closing = [...begin, deleted, sigterm(1030), lost(1040), lost(1300), exit(1400, 0), known(2040)]

  test('because the listener closed before the last client knew', () => {
    const { kind, count, why, fix } = only(closing)
    expect([kind, count]).toEqual(['listener closed', 2])
    expect(why).toBe('old-1 stopped listening 10 ms after SIGTERM, 1.0 s before the last client knew that it goes.')
    expect(fix).toBe('Keep the listener open until clients know: lifecycle.preStop.sleep.seconds: 5.')
    expect(only(closing, { app: { framework: 'koa' } }).fix).toBe(
      'Keep the listener open until clients know: `app.use(drain())` of @podrain/koa with lifecycle.preStop.httpGet.path: /prestop. Without it: lifecycle.preStop.sleep.seconds: 5.',
    )
  })

  test('by an app that depends on podrain’s middleware, which does not answer: it is to be mounted first', () => {
    expect(only(closing, { app: { framework: 'express', silent: true } }).fix).toMatch(
      /^Keep the listener open until clients know: `app\.use\(drain\(\)\)` of @podrain\/express, mounted before all routes and other middleware \(the app depends on it, but \/readyz is not answered by it\), with lifecycle/,
    )
  })

  test('because the listener closed before the client on the last of several nodes knew', () => {
    const there: Told[] = [1, 2].map((node): Told => [100, { type: 'endpoints', pods: [pod, 'old-2'], node }])
    const learnt = (t: number, node: number): Told => [t, { type: 'endpoints', pods: ['old-2'], node }]
    const told = [
      ...begin.slice(0, -1),
      ...there,
      deleted,
      learnt(1020, 1),
      sigterm(1030),
      lost(1040),
      exit(1400, 0),
      learnt(3040, 2),
    ]
    expect(only(told).why).toBe(
      'old-1 stopped listening 10 ms after SIGTERM, 2.0 s before the last client knew that it goes.',
    )
  })

  test('because the process was gone', () => {
    const { why } = only([...begin, deleted, sigterm(1030), exit(1031, 0), lost(1050), known(2040)])
    expect(why).toBe('old-1 was gone (exit 0) 1 ms after SIGTERM, 1.0 s before the last client knew that it goes.')
  })

  test('because a sleep hook was shorter than the lag', () => {
    const hook: Told[] = [
      [1010, { type: 'hook-start', pod }],
      [2010, { type: 'hook-end', pod, outcome: 'done' }],
    ]
    const told = [...begin, deleted, ...hook, sigterm(2030), lost(2050), exit(2060, 0), known(12_000)]
    const { fix } = only(told, { preStop: { sleep: { seconds: 1 } }, behind: 'gke-neg' })
    expect(fix).toBe(
      `Raise lifecycle.preStop.sleep.seconds from 1 to 40: clients need that long to learn that the pod goes. Raise terminationGracePeriodSeconds from 30 to ${graceSecondsFor(40_000)} for it.`,
    )
    expect(only(told, { preStop: { httpGet: { path: '/bye' } } }).fix).toMatch(/^Answer \/bye only when clients know/)
  })

  test('behind a load balancer, because the option `behind` was missing', () => {
    const hook: Told[] = [
      [1010, { type: 'hook-start', pod }],
      [6010, { type: 'hook-end', pod, outcome: 'done' }],
    ]
    const told = [...begin, deleted, ...hook, sigterm(6020), lost(6050), exit(6060, 0), known(12_000)]
    const hooked = { preStop: { httpGet: { path: '/prestop' } }, behind: 'aws-alb' } as const
    const { fix } = only(told, { ...hooked, app: { framework: 'express' } })
    expect(fix).toContain("after 30 s. `app.use(drain({ behind: 'aws-alb' }))` of @podrain/express does.")
    expect(only(closing, { behind: 'gke-neg', app: { framework: 'fastify' } }).fix).toContain(
      "`app.register(gracefulShutdown, { behind: 'gke-neg' })` of @podrain/fastify with",
    )
    expect(only(told, { ...hooked, app: { framework: 'express', podrain: true } }).fix).toMatch(
      /^Tell podrain what routes to the pods: `behind: 'aws-alb'`/,
    )
  })

  test('because the hook asked for a path that the app does not have', () => {
    const hook: Told[] = [
      [1010, { type: 'hook-start', pod }],
      [1013, { type: 'hook-end', pod, outcome: 'done', status: 404 }],
    ]
    const told = [...begin, deleted, ...hook, sigterm(1030), lost(1050), exit(1060, 0), known(2040)]
    const preStop = { httpGet: { path: '/prestpo' } }
    const { fix } = only(told, { preStop, app: { framework: 'koa', podrain: true } })
    expect(fix).toMatch(
      /^The preStop hook GET \/prestpo was answered 404 at once, and the kubelet ignores the status: correct/,
    )
    expect(fix).toContain('podrain waits at /prestop')
    const answered = (status: number) =>
      told.map(([t, happening]): Told => [t, happening.type === 'hook-end' ? { ...happening, status } : happening])
    const refused = answered(401)
    expect(only(refused, { preStop }).fix).toContain('lifecycle.preStop.httpGet.httpHeaders')
    expect(only(refused, { preStop }).fix).not.toContain('allowHTTP1')
    const byTls = { httpGet: { ...preStop.httpGet, scheme: 'HTTPS' } } as const
    expect(only(refused, { preStop: byTls }).fix).toContain('allowHTTP1')
    expect(only(answered(302), { preStop }).fix).toContain('it does not follow a redirect to another host')
    expect(only(answered(400), { preStop }).fix).toContain('or its scheme: HTTPS')
    expect(only(answered(500), { preStop }).fix).toContain('the app failed, and the log of the pod says why')
  })

  test.each<[string, RehearsalOptions['preStop'], string, RegExp]>([
    ['nobody listens where the hook asks', { httpGet: { path: '/bye', port: 9 } }, 'connect ECONNREFUSED', /port\./],
    ['the hook is a command that is not there', { exec: { command: ['/bye.sh'] } }, 'exit code 127', /`\/bye\.sh`/],
  ])('because %s', (_, preStop, message, advice) => {
    const hook: Told[] = [
      [1010, { type: 'hook-start', pod }],
      [1013, { type: 'hook-failed', pod, message }],
      [1013, { type: 'hook-end', pod, outcome: 'failed' }],
    ]
    const told = [...begin, deleted, ...hook, sigterm(1030), lost(1050), exit(1060, 0), known(2040)]
    const { why, fix } = only(told, { preStop })
    expect(why).toContain(`Its preStop hook had failed: ${message}.`)
    expect(fix).toMatch(advice)
    expect(fix).toContain('after 5 s')
  })

  test('because clients connected to the only pod until it was gone, however long it listened', () => {
    const told = [...begin, deleted, sigterm(1030), exit(9000, 0), lost(9010), known(9500)]
    const only1 = { replicas: 1, maxSurge: 0, maxUnavailable: 1 }
    expect(only(told, only1).fix).toMatch(/^Set maxUnavailable: 0 and maxSurge: 1/)
    expect(only(told, { replicas: 1, workload: 'StatefulSet' }).fix).toMatch(/^Run 2 replicas or more/)
  })

  test('because the listener closed inside the hook', () => {
    const hook: Told[] = [
      [1010, { type: 'hook-start', pod }],
      lost(1020),
      [2010, { type: 'hook-end', pod, outcome: 'done' }],
    ]
    const { why, fix } = only([...begin, deleted, ...hook, sigterm(2030), exit(2040, 0), known(2050)], {
      preStop: { httpGet: { path: '/prestop' } },
    })
    expect(why).toContain('stopped listening 10 ms into its preStop hook')
    expect(fix).toBe('Go on listening during the preStop hook: close the listener after it, on SIGTERM.')
  })

  test('when no endpoint changes in time, no hook is advised', () => {
    const killed: Told = [1000, { type: 'container-killed', pod, reason: 'liveness' }]
    const { why, fix } = only([...begin, killed, sigterm(1030), lost(1040), exit(1050, 0)])
    expect(why).toContain('and clients were never told')
    expect(fix).toMatch(/^No endpoint changes in time for this \(liveness kill\): keep the listener open after SIGTERM/)
  })

  test('by a restarted container that is not ready yet, because the container before it ended', () => {
    const killed: Told = [1000, { type: 'container-killed', pod, reason: 'crash' }]
    const again: Told = [1600, { type: 'pod-start', pod, old: true, host: '127.0.0.1', port: 1 }]
    const told = [...begin, killed, exit(1001, null, 'SIGKILL'), lost(1100), again, lost(1610)]
    expect(only(told)).toMatchObject({ kind: 'crash', count: 2 })
  })
})

describe('cut', () => {
  test('by the exit, with the request in flight', () => {
    const told = [...begin, deleted, sigterm(1030), exit(1050, 0), lost(1051, { cause: 'reset', sentAt: 1040 })]
    const { kind, why, fix } = only(told)
    expect(kind).toBe('exit')
    expect(why).toBe('old-1 ended (exit 0) 20 ms after SIGTERM, 10 ms after the request was sent.')
    expect(fix).toMatch(/^Exit only when nothing is in flight/)
  })

  test('by SIGTERM itself, where nobody handles it', () => {
    const told = [...begin, deleted, sigterm(1030), lost(1035, { cause: 'reset' }), exit(1040, null, 'SIGTERM')]
    expect(only(told).fix).toMatch(/^Handle SIGTERM, since without a handler the process ends at once/)
  })

  const sigkill: Told = [31_000, { type: 'sigkill', pod }]

  test('by SIGKILL in a request that began before SIGTERM: the grace is too short', () => {
    const cut = lost(31_001, { cause: 'truncated', sentAt: 900 })
    const { kind, why, fix } = only([...begin, deleted, sigterm(1030), sigkill, cut, exit(31_002, null, 'SIGKILL')])
    expect(kind).toBe('killed')
    expect(why).toBe('SIGKILL ended old-1 30.0 s after SIGTERM, 30.1 s after the request was sent.')
    expect(fix).toBe(
      `Raise terminationGracePeriodSeconds from 30 to ${graceSecondsFor(5000, 46_000)}: 5 s until clients know, and requests that were not done after 30.1 s, have to fit in.`,
    )
  })

  test('by SIGKILL in a request that came long after SIGTERM: the app does not handle SIGTERM', () => {
    const cut = lost(31_001, { cause: 'reset', sentAt: 30_990, reused: true })
    const { fix } = only([...begin, deleted, sigterm(1030), sigkill, cut, exit(31_002, null, 'SIGKILL')])
    expect(fix).toMatch(/^Handle SIGTERM: send `Connection: close`/)
  })

  test('by SIGKILL after a hook that took the whole grace', () => {
    const hook: Told = [31_010, { type: 'hook-end', pod, outcome: 'cut' }]
    const cut = lost(33_011, { cause: 'truncated', sentAt: 31_000 })
    const late: Told = [33_010, { type: 'sigkill', pod }]
    const told = [...begin, deleted, hook, sigterm(31_030), late, cut, exit(33_012, null, 'SIGKILL')]
    expect(only(told).fix).toMatch(/^The preStop hook took the whole grace period/)
    const preStop = { sleep: { seconds: 5 } }
    expect(only(told, { scenario: 'overrun', preStop }).fix).toMatch(/^SIGTERM in the middle of the hook leaves 2 s/)
  })

  test('with the network, so that the client gets no answer until its timeout', () => {
    const told = [...begin, deleted, sigterm(1030), exit(1100, 0), lost(31_000, { cause: 'timeout', sentAt: 1050 })]
    const netns = true
    const unreachable = lost(4200, { cause: 'truncated', sentAt: 1050 })
    expect(only([...begin, deleted, sigterm(1030), exit(1100, 0), unreachable], { netns }).kind).toBe('network gone')
    expect(only(told, { netns })).toMatchObject({ kind: 'network gone', why: expect.stringContaining('(exit 0)') })
    const connecting = [...begin, deleted, sigterm(1030), exit(1100, 0), lost(6200, { cause: 'timeout', sentAt: 1200 })]
    expect(only(connecting, { netns }).kind).toBe('listener closed')
  })

  test('by an app that stays alive', () => {
    const told = [...begin, deleted, sigterm(1030), lost(1040, { cause: 'truncated' }), exit(5000, 0)]
    expect(only(told)).toMatchObject({ kind: 'cut by the app', fix: expect.stringContaining('closeAllConnections()') })
    const socket = lost(1040, { cause: 'closed 1011', client: 'webSocket' })
    expect(only([...begin, deleted, sigterm(1030), socket, exit(5000, 0)]).fix).toContain('code 1001 (going away)')
  })
})

describe('reset on a kept connection', () => {
  const reset = (t: number) => lost(t, { cause: 'reset', reused: true })

  test('that the app closed while it ended', () => {
    const { kind, why, fix } = only([...begin, deleted, sigterm(1030), reset(1040), exit(5000, 0)])
    expect(kind).toBe('keep-alive connection closed')
    expect(why).toBe(
      'old-1 closed a keep-alive connection 10 ms after SIGTERM, 0 ms after the request was sent over it.',
    )
    expect(fix).toContain('Connection: close')
  })

  test('that the app closed although it was not being ended', () => {
    const { kind, fix } = only([...begin, reset(500), deleted, exit(5000, 0)])
    expect(kind).toBe('keep-alive connection closed')
    expect(fix).toContain('keepAliveTimeout')
  })
})

test('a 503 from a pod that clients still connect to', () => {
  const told = [...begin, deleted, sigterm(1030), lost(1090, { cause: 'status 503' }), known(2000), exit(5000, 0)]
  expect(only(told)).toMatchObject({
    kind: 'refused by the app',
    why: 'old-1 answered 503 60 ms after SIGTERM, while new connections still went to it.',
    fix: expect.stringContaining('Answer every request until the process exits'),
  })
})

test('a 503 from a process that ends right after it is a status, not a cut', () => {
  const told = [...begin, deleted, sigterm(1030), lost(2000, { cause: 'status 503' }), exit(2002, 0), known(2100)]
  expect(only(told)).toMatchObject({ kind: 'refused by the app', why: expect.stringMatching(/^old-1 answered 503 /) })
})

describe('no endpoint at all', () => {
  const nowhere = lost(1500, { pod: null })

  test('because of maxUnavailable', () => {
    const told = [...begin, deleted, nowhere, exit(5000, 0)]
    expect(only(told, { maxUnavailable: 1 }).fix).toMatch(/^Set maxUnavailable: 0 and maxSurge: 1/)
  })

  test('because the only pod said that it was not ready', () => {
    const unready: Told = [1100, { type: 'pod-unready', pod, message: '503' }]
    const { why, fix } = only([...begin, deleted, unready, nowhere, exit(5000, 0)], { replicas: 1 })
    expect(why).toContain('old-1 was still there, but said that it was not ready')
    expect(fix).toContain('go on passing the readiness probe')
  })

  test('because the new pods were not known yet', () => {
    const { fix } = only([...begin, deleted, nowhere, exit(5000, 0)], { behind: 'aws-alb' })
    expect(fix).toBe('Set minReadySeconds: 26, so that clients know a new pod before an old one goes.')
  })

  test('because the only pod was shut down with its node', () => {
    const killed: Told = [1000, { type: 'container-killed', pod, reason: 'node shutdown' }]
    const told = [...begin, killed, nowhere, exit(5000, 0)]
    expect(only(told, { replicas: 1, scenario: 'node-shutdown' }).fix).toBe('Run 2 replicas or more.')
  })
})

test('a new pod that is ready and does not serve', () => {
  const fresh: Told[] = [
    [1200, { type: 'pod-start', pod: 'new-1', old: false, host: '127.0.0.1', port: 3 }],
    [1300, { type: 'pod-ready', pod: 'new-1' }],
    lost(1350, { pod: 'new-1', cause: 'status 500' }),
  ]
  expect(only([...begin, deleted, ...fresh])).toMatchObject({
    kind: 'not ready',
    why: 'new-1 had been ready by its probe for 50 ms, but did not serve: status 500 (why not).',
    fix: 'Let /readyz fail until the app can serve what clients ask for.',
  })
})

test('losses before the scenario are not attributed to it', () => {
  const { kind, why } = only([...begin, lost(500, { cause: 'status 500' }), deleted])
  expect(kind).toBe('not the scenario')
  expect(why).toBe('old-1 lost it before anything was done to a pod: status 500 (why not).')
})

test('the most frequent reason comes first, and every loss has its own sentence', () => {
  const told = [
    ...begin,
    deleted,
    sigterm(1030),
    lost(1035, { cause: 'status 503', reused: true }),
    lost(1040),
    lost(1050),
    exit(5000, 0),
  ]
  expect(examine(told).map(({ kind, count }) => `${count} ${kind}`)).toEqual([
    '2 listener closed',
    '1 refused by the app',
  ])
  const events: RehearsalEvent[] = told.map(([t, happening]) => ({ t, ...happening }))
  const { events: explained } = diagnose(events, resolveOptions({ command: 'node' }))
  const losses = explained.flatMap((event) => (event.type === 'lost' ? [event] : []))
  expect(losses.map(({ diagnosis }) => diagnosis)).toEqual([1, 0, 0])
  expect(losses.every(({ why }) => why?.startsWith('old-1 '))).toBe(true)
})

describe('a process that fails while it ends', () => {
  const output: Told = [
    1062,
    { type: 'pod-output', pod, lines: ['Error: Cannot use a pool after calling end', '    at x'] },
  ]

  test('is reported with its error, and not as one that ended too early', () => {
    const told = [...begin, deleted, sigterm(1030), lost(1059, { cause: 'reset' }), exit(1060, 1), output, known(2040)]
    const { kind, why, fix } = only(told)
    expect(kind).toBe('failed')
    expect(why).toBe('old-1 failed (exit 1) 30 ms after SIGTERM, 0 ms after the request was sent.')
    expect(fix).toContain('It wrote: Error: Cannot use a pool after calling end.')
  })

  test.each([
    [
      'an error of another kind',
      'TypeError: x is not a function',
      1,
      null,
      'It wrote: TypeError: x is not a function. Put that right',
    ],
    ['no error', 'shutting down', 1, null, 'It wrote no error: look for what ends it with this code.'],
    ['a signal that nobody sent', '', null, 'SIGSEGV', 'Nobody here sent this signal'],
  ])('is not told of pools when it ended with %s', (_, line, code, signal, advice) => {
    const output: Told = [1062, { type: 'pod-output', pod, lines: [line] }]
    const { fix } = only([
      ...begin,
      deleted,
      sigterm(1030),
      lost(1059, { cause: 'reset' }),
      exit(1060, code, signal),
      output,
    ])
    expect(fix).toMatch(/^The process fails while it ends/)
    expect(fix).toContain(advice)
    expect(fix).not.toContain('pools')
  })

  test('is reported when it fails during its hook', () => {
    const hook: Told = [1010, { type: 'hook-start', pod }]
    const { fix } = only([...begin, deleted, hook, lost(1020, { cause: 'reset' }), exit(1020, 1), output, known(2040)])
    expect(fix).toMatch(/^The process fails in its preStop hook \(exit 1\)\. It wrote: /)
  })

  test('is not one that exits with 143, as shells and npm do after SIGTERM', () => {
    const told = [...begin, deleted, sigterm(1030), lost(1059, { cause: 'reset' }), exit(1060, 143), known(2040)]
    expect(only(told).kind).toBe('exit')
  })
})

test('the advice for npm and scripts is to start the app itself, and not to handle a signal that they never forward', () => {
  const told = [
    ...begin,
    deleted,
    sigterm(1030),
    lost(1035, { cause: 'reset' }),
    exit(1036, null, 'SIGTERM'),
    known(2040),
  ]
  expect(only(told, { command: 'npm', args: ['start'], app: { framework: 'express' } }).fix).toMatch(
    /^Start the app itself, .*: npm ends on SIGTERM/,
  )
})

test.each([
  ['tini', ['-g', '--', 'sh', '-c', 'node server.js; true'], /^Start the app itself, .*: sh ends on SIGTERM/],
  ['dumb-init', ['npm', 'start'], /^Start the app itself, .*: npm ends on SIGTERM/],
  ['tini', ['--', 'node', 'server.js'], /^Handle SIGTERM/],
  ['sh', ['-c', 'cd app && node server.js; true'], /^Start the app itself, .*: sh ends on SIGTERM/],
  ['sh', ['-c', 'exec node server.js'], /^Handle SIGTERM|^Exit only/],
])('who ends on SIGTERM is told by the command: %s %j', (command, args, advice) => {
  const reset = lost(1035, { cause: 'reset' })
  const told = [...begin, deleted, sigterm(1030), reset, exit(1036, 143), known(2040)]
  expect(only(told, { command, args }).fix).toMatch(advice)
})

describe('SIGKILL at the end of the grace period, when SIGTERM was not delivered to PID 1', () => {
  const told = (sigtermIgnoredBy: string) => [
    ...begin,
    deleted,
    sigterm(1030),
    [31_000, { type: 'sigkill', pod, sigtermIgnoredBy }] as Told,
    lost(31_001, { cause: 'reset', sentAt: 30_990 }),
    exit(31_002, null, 'SIGKILL'),
  ]

  test('is not a missing handler if the app had stopped listening because its handler had run once', () => {
    const heard = [...told('node').slice(0, -3), lost(1100), ...told('node').slice(-3)]
    const fixes = examine(heard).flatMap(({ kind, fix }) => (kind === 'killed' ? [fix] : []))
    expect(fixes).toEqual([expect.stringMatching(/^Handle SIGTERM/)])
  })

  test('is a missing handler, although a client was refused after the app had been killed', () => {
    const fixes = examine([...told('node'), lost(31_003)]).map(({ fix }) => fix)
    expect(fixes).toContainEqual(expect.stringMatching(/^Handle SIGTERM, and exit/))
  })

  test('is reported as a missing handler of the app', () => {
    const { kind, fix } = only(told('node'), { app: { framework: 'fastify' } })
    expect(kind).toBe('killed')
    expect(fix).toMatch(
      /^Handle SIGTERM, and exit .*: the kernel delivers it to PID 1 only if that has a handler, and node had none, or none any more .*: .* of @podrain\/fastify does\.$/,
    )
  })

  test('is reported as a script that does not replace itself with the app', () => {
    const { fix } = only(told('dash'), { command: './entry.sh', app: { framework: 'fastify' } })
    expect(fix).toBe(
      'Start the app itself, as `node server.js`, or with `exec` in a script: dash is PID 1 and does not pass SIGTERM on, so that the app never hears of it.',
    )
  })
})

test('the advice for npm that ends with 1 before its app is to start the app itself', () => {
  const told = [
    ...begin,
    deleted,
    sigterm(1030),
    lost(1580, { cause: 'reset', sentAt: 1560 }),
    exit(1581, 1),
    lost(1600),
    known(2040),
  ]
  const fixes = new Set(examine(told, { command: '/usr/bin/npm', args: ['start'] }).map(({ fix }) => fix))
  expect([...fixes]).toEqual([
    'Start the app itself, as `node server.js`, or with `exec` in a script: npm ends on SIGTERM, and the container with it, before the app has.',
  ])
})

describe.each(Object.keys(presets) as Array<keyof typeof presets>)('advice for an app behind %s', (behind) => {
  const hook: Told[] = [
    [1010, { type: 'hook-start', pod }],
    [2010, { type: 'hook-end', pod, outcome: 'done' }],
  ]
  const closing = [...begin, deleted, sigterm(1030), lost(1040), exit(1400, 0), known(2040)]
  const afterHook = [...begin, deleted, ...hook, sigterm(2030), lost(2050), exit(2060, 0), known(12_000)]
  const sigkill: Told = [31_000, { type: 'sigkill', pod }]
  const long = lost(31_001, { cause: 'truncated', sentAt: 900 })
  const killed = [...begin, deleted, sigterm(1030), sigkill, long, exit(31_002, null, 'SIGKILL')]
  const apps = [{ framework: null }, { framework: 'express' }, { framework: 'node', podrain: true }] as const

  test.each([
    ['without a hook', closing, {}],
    ['with a hook that sleeps', afterHook, { preStop: { sleep: { seconds: 1 } } }],
    ['with a hook that waits', afterHook, { preStop: { httpGet: { path: '/prestop' } } }],
    ['with a request that is too long', killed, {}],
  ] as const)('%s fits into the grace period that it names, by the sums of core', (_, told, options) => {
    for (const app of apps) {
      const { fix } = only(told, { ...options, behind, app })
      const grace = Number(/terminationGracePeriodSeconds from \d+ to (\d+)/.exec(fix)?.[1] ?? 30)
      const sleep = Number(/sleep\.seconds(?:: | from \d+ to )(\d+)/.exec(fix)?.[1] ?? 0)
      // The sleep, and 2 s that the kubelet leaves in any case, fit in.
      expect(sleep + 2).toBeLessThanOrEqual(grace)
      if (fix.includes('behind: ')) {
        expect(() => resolveDrain({ behind, terminationGracePeriodSeconds: grace })).not.toThrow()
      }
      // Who has podrain already, and who has no framework that it fits, is not told to bring it in.
      if (app.framework !== 'express') expect(fix).not.toContain('of @podrain/')
    }
  })
})

describe('what was lost before anything was done to the pods', () => {
  const counts = (keepAlive: number) => eachKind((kind) => ({ keepAlive, slowKeepAlive: 4 })[kind as string] ?? 0)
  const flaky = (count: number, from: number, cause: LossCause = 'status 429', client: ClientKind = 'keepAlive') =>
    Array.from({ length: count }, (_, index) => lost(from + index, { cause, client }))
  /** 100 requests before, 1,000 after. */
  const around = (before: readonly Told[], since: readonly Told[]): Told[] => [
    ...begin,
    ...before,
    [900, { type: 'scenario-begin', requests: counts(100) }],
    deleted,
    sigterm(1030),
    ...since,
    exit(5000, 0),
    [
      6000,
      {
        type: 'load-end',
        requests: { ...counts(1100), slowKeepAlive: 14 },
        eventLoopDelayMs: 0,
        loadEventLoopDelayMs: 0,
      },
    ],
  ]

  test('is not attributed to the drain when it goes on as before', () => {
    const [diagnosis, ...more] = examine(around(flaky(30, 200), flaky(310, 1100))).filter(
      ({ background }) => !background,
    )
    expect([diagnosis, more]).toEqual([undefined, []])
  })

  test('is not attributed to the drain when clients lose it that sent too few requests to lose any before', () => {
    const seldom = (cause: LossCause) => flaky(4, 1500, cause, 'slowKeepAlive')
    const blamed = (since: readonly Told[]) =>
      examine(around(flaky(30, 200), since)).filter(({ background }) => !background)
    expect(blamed(seldom('status 429'))).toEqual([])
    expect(blamed(seldom('status 503')).map(({ count }) => count)).toEqual([4])
  })

  test('attributes the excess to the drain when losses increase', () => {
    const diagnoses = examine(around(flaky(30, 200), flaky(800, 1100)))
    expect(diagnoses.filter(({ background }) => !background).map(({ count }) => count)).toEqual([500])
    expect(diagnoses.reduce((sum, { count }) => sum + count, 0)).toBe(830)
  })

  test('does not excuse another kind of loss, or one that only the end of a pod explains', () => {
    const since = [...flaky(5, 1100, 'status 503'), ...flaky(5, 5010, 'refused')]
    const diagnoses = examine(around([...flaky(1, 200), ...flaky(1, 300, 'refused')], since))
    expect(diagnoses.filter(({ background }) => !background).map(({ kind, count }) => `${count} ${kind}`)).toEqual([
      '5 refused by the app',
      '5 listener closed',
    ])
  })
})

describe('an event stream that does not end', () => {
  const stream = { client: 'sse', path: '/events', cause: 'reset', sentAt: 500 } as const

  test('and that podrain cut at its deadline is to end on drain.signal', () => {
    const report = 'podrain: drained in 29.1 s after SIGTERM; cut 1 in flight: GET /events (29.5 s)'
    const told = [...begin, deleted, sigterm(1030), known(2000), lost(30_000, stream), exit(30_100, 1)]
    const output: Told = [30_110, { type: 'pod-output', pod, lines: [report] }]
    const fix =
      'podrain cut this stream at its deadline: end it on `drain.signal`, see https://podrain.github.io/podrain/guides/streams.'
    expect(only([...told, output], { app: { framework: 'express', podrain: true } }).fix).toBe(fix)
    const request = { ...stream, client: 'keepAlive', path: '/report?of=may' } as const
    const other = report.replace('/events', '/report')
    const toldOther = [...begin, deleted, sigterm(1030), known(2000), lost(30_000, request), exit(30_100, 1)]
    expect(only([...toldOther, [30_110, { type: 'pod-output', pod, lines: [other] }]]).fix).toMatch(
      /^podrain cut this request at its deadline\. Raise terminationGracePeriodSeconds/,
    )
  })

  test.each([
    ['sse', 'An event stream does not end by itself: end it at SIGTERM, so that its client connects to another pod.'],
    [
      'webSocket',
      'A WebSocket does not end by itself: close it with code 1001 at SIGTERM, so that its client connects to another pod.',
    ],
  ] as const)('and that SIGKILL or a late exit ended needs no longer grace period: %s', (client, fix) => {
    const sigkill: Told = [31_030, { type: 'sigkill', pod }]
    const late = lost(31_040, { ...stream, client })
    const told = [...begin, deleted, sigterm(1030), known(2000)]
    expect(only([...told, sigkill, late, exit(31_035, null, 'SIGKILL')]).fix).toBe(fix)
    expect(only([...told, lost(30_000, { ...stream, client }), exit(30_001, 0)]).fix).toBe(fix)
  })
})
