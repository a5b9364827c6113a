import { lint } from '@podrain/manifests'
import { conclude, type Happening, presets, type RehearsalOptions, resolveOptions } from '@podrain/rehearsal'
import { describe, expect, test } from 'vitest'

const pod = 'old-1'
const lost = (t: number, more: object = {}): readonly [number, Happening] => [
  t,
  {
    type: 'lost',
    client: 'newConnection',
    pod,
    method: 'GET',
    path: '/',
    cause: 'refused',
    message: 'connect ECONNREFUSED',
    sentAt: t,
    reused: false,
    ...more,
  },
]
const begin: ReadonlyArray<readonly [number, Happening]> = [
  [0, { type: 'pod-start', pod, old: true, host: '127.0.0.1', port: 1 }],
  [100, { type: 'pod-ready', pod }],
  [1000, { type: 'pod-deleted', pod }],
]
/** The listener is closed at SIGTERM, and clients do not know yet. */
const closing: ReadonlyArray<readonly [number, Happening]> = [
  ...begin,
  [1030, { type: 'sigterm', pod, graceSeconds: 30 }],
  lost(1040),
  [1400, { type: 'pod-exit', pod, code: 0, signal: null }],
  [2040, { type: 'endpoints', pods: [] }],
]
/** The same after a sleep of 1 s, which was too short. */
const afterSleep: ReadonlyArray<readonly [number, Happening]> = [
  ...begin,
  [1010, { type: 'hook-start', pod }],
  [2010, { type: 'hook-end', pod, outcome: 'done' }],
  [2030, { type: 'sigterm', pod, graceSeconds: 29 }],
  lost(2050),
  [2060, { type: 'pod-exit', pod, code: 0, signal: null }],
  [9000, { type: 'endpoints', pods: [] }],
]

function adviceOn(told: ReadonlyArray<readonly [number, Happening]>, options: Partial<RehearsalOptions>): string {
  const events = told.map(([t, happening]) => ({ t, ...happening }))
  const { diagnoses } = conclude(resolveOptions({ command: 'node', ...options }), events, []).summary
  return diagnoses[0]?.fix ?? expect.fail('nothing was found')
}

/** What lint says of a Deployment with this hook and grace period behind such a balancer, about times and hooks. */
function findingsOn(behind: string, hook: string, grace: number, env = '[]'): string[] {
  const text = `apiVersion: apps/v1
kind: Deployment
metadata: { name: web, annotations: { podrain/behind: ${behind} } }
spec:
  replicas: 3
  minReadySeconds: 30
  selector: { matchLabels: { app: web } }
  strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } }
  template:
    metadata: { labels: { app: web }, annotations: { podrain/behind: ${behind} } }
    spec:
      terminationGracePeriodSeconds: ${grace}
      containers:
        - name: web
          image: registry/web:1
          command: [node, server.js]
          env: ${env}
          ports: [{ name: http, containerPort: 8080 }]
          readinessProbe: { httpGet: { path: /readyz, port: http }, periodSeconds: 1 }
          lifecycle: { preStop: ${hook} }
`
  const { findings } = lint([{ file: 'web.yaml', text }])
  return findings.flatMap(({ rule, message }) => (/grace|hook|settle|time/.test(rule) ? [`${rule}: ${message}`] : []))
}

const graceIn = (fix: string) => Number(/terminationGracePeriodSeconds from \d+ to (\d+)/.exec(fix)?.[1] ?? 30)

describe.each(Object.keys(presets) as Array<keyof typeof presets>)('the advice on losses behind %s', (behind) => {
  test('the advice to sleep has no findings in lint', () => {
    for (const [told, options] of [
      [closing, {}],
      [afterSleep, { preStop: { sleep: { seconds: 1 } } }],
    ] as const) {
      const fix = adviceOn(told, { ...options, behind })
      const seconds = /sleep\.seconds(?:: | from \d+ to )(\d+)/.exec(fix)?.[1]
      expect(findingsOn(behind, `{ sleep: { seconds: ${seconds} } }`, graceIn(fix))).toEqual([])
    }
  })

  test('the advice to use podrain has no findings in lint', () => {
    const fix = adviceOn(closing, { behind, app: { framework: 'express' } })
    expect(fix).toContain('lifecycle.preStop.httpGet.path: /prestop')
    const grace = graceIn(fix)
    const isTold = fix.includes('set the variable TERMINATION_GRACE_PERIOD_SECONDS to the same')
    const env = isTold ? `[{ name: TERMINATION_GRACE_PERIOD_SECONDS, value: "${grace}" }]` : '[]'
    expect(findingsOn(behind, '{ httpGet: { path: /prestop, port: http } }', grace, env)).toEqual([])
  })
})

test('lint would find the advice of before: a sleep that the grace period has no room for', () => {
  expect(findingsOn('aws-alb', '{ sleep: { seconds: 38 } }', 30).join()).toMatch(/grace/)
})
