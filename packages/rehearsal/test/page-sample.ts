import { type ClientKind, conclude, type Happening, type Rehearsal, resolveOptions } from '../src/index.js'
import { noRequests } from './sample.js'

/** How a rehearsal made by hand differs from another. */
export interface Recipe {
  readonly name?: string
  readonly pods?: number
  /** Lost requests, spread over the old pods while the clients still believe in them. */
  readonly lost?: number
  readonly message?: string
  readonly path?: string
}

/** Every old pod is replaced, one each 100 ms; it closes its listener at once, and clients learn of it 400 ms later. */
export function rollout({
  name = 'shop',
  pods = 3,
  lost = 30,
  message = 'connect ECONNREFUSED',
  path = '/work',
}: Recipe = {}): Rehearsal {
  const options = resolveOptions({
    name,
    labels: { version: '2' },
    command: '/home/someone/secret-project/bin/node',
    args: ['/home/someone/secret-project/server.js', '--cheap'],
    cwd: '/home/someone/secret-project',
    env: { DATABASE_PASSWORD: 'hunter2' },
    replicas: Math.min(50, pods),
    preStop: { sleep: { seconds: 0 } },
  })
  const host = '127.0.0.1'
  const numbers = Array.from({ length: pods }, (_, index) => index + 1)
  const names = numbers.map((number) => `old-${number}`)
  const goes = (number: number) => 3000 + number * 100
  const end = goes(pods) + 2000
  const happenings: Array<[number, Happening]> = [
    [0, { type: 'phase', phase: 'starting pods' }],
    ...names.map((pod, index): [number, Happening] => [
      10,
      { type: 'pod-start', pod, old: true, host, port: 20_000 + index },
    ]),
    ...names.map((pod): [number, Happening] => [900, { type: 'pod-ready', pod }]),
    [950, { type: 'endpoints', pods: names }],
    [1000, { type: 'phase', phase: 'warming up' }],
    [3000, { type: 'phase', phase: 'rolling update' }],
    ...numbers.flatMap((number): Array<[number, Happening]> => {
      const pod = `old-${number}`
      const fresh = `new-${number}`
      const known = [...names.slice(number), ...numbers.slice(0, number).map((other) => `new-${other}`)]
      return [
        [goes(number) - 90, { type: 'pod-start', pod: fresh, old: false, host, port: 30_000 + number }],
        [goes(number) - 1, { type: 'pod-ready', pod: fresh }],
        [goes(number), { type: 'pod-deleted', pod }],
        [goes(number) + 20, { type: 'sigterm', pod, graceSeconds: 30 }],
        [goes(number) + 40, { type: 'pod-exit', pod, code: 0, signal: null }],
        [goes(number) + 400, { type: 'endpoints', pods: known }],
      ]
    }),
    ...Array.from({ length: lost }, (_, index): [number, Happening] => {
      const number = (index % pods) + 1
      const share = Math.floor(index / pods) / Math.ceil(lost / pods)
      const t = goes(number) + 45 + Math.round(share * 350)
      const client: ClientKind = index % 5 === 0 ? 'keepAlive' : 'newConnection'
      const cause = index % 5 === 0 ? 'reset' : 'refused'
      const request = { method: 'GET', path, sentAt: t - 3, reused: cause === 'reset' }
      return [t, { type: 'lost', client, pod: `old-${number}`, cause, message, ...request }]
    }),
    [goes(pods) + 500, { type: 'phase', phase: 'cooling down' }],
    [
      end,
      {
        type: 'load-end',
        requests: { ...noRequests, keepAlive: 9000, newConnection: 1000 },
        eventLoopDelayMs: 3,
        loadEventLoopDelayMs: 4,
      },
    ],
    [end, { type: 'phase', phase: 'done' }],
  ]
  const events = happenings.sort(([a], [b]) => a - b).map(([t, happening]) => ({ t, ...happening }))
  const samples = Array.from({ length: Math.floor((end - 1000) / 100) }, (_, index) => {
    const t = 1100 + index * 100
    const serving = numbers.map((number) => (t < goes(number) ? `old-${number}` : `new-${number}`))
    const latency = { p50: 4, p99: 12.5 + (index % 7), max: 40 }
    const inFlight = { ...noRequests, keepAlive: 2 + (index % 3) }
    const gone = events.filter((event) => event.type === 'lost' && event.t <= t).length
    const answered = Object.fromEntries(serving.map((pod) => [pod, 3]))
    return { type: 'sample' as const, t, inFlight, requests: index * 3 * pods, lost: gone, answered, latency }
  })
  return conclude(options, events, samples)
}

/** Tries to end the script, the style, an attribute and a line; to be run; and to turn the text around. */
export const hostile: string = `</script></style></title><script>window.hacked=1</script><!--<img src=x onerror="window.hacked=1">" onfocus="window.hacked=1" x='\u2028\u202egnp.\`{{7*7}}`
