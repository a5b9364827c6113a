import { type ClientKind, conclude, type Happening, type Rehearsal, resolveOptions } from '../src/index.js'
import { eachKind } from '../src/load/kinds.js'

/** No request of any kind. */
export const noRequests: Readonly<Record<ClientKind, number>> = eachKind(() => 0)

/** A result made by hand: two pods, one loss of each cause, and names that try to break out of the page. */
export function sampleRehearsal(name = '<script>alert("name")</script>'): Rehearsal {
  const options = resolveOptions({
    name,
    labels: { framework: '<b>bold</b>', podrain: 'no' },
    command: 'node',
    args: ['"quoted" & <i>'],
    preStop: { httpGet: { path: '/prestop' } },
  })
  const lost = (
    pod: string | null,
    cause: 'refused' | 'reset' | 'truncated' | 'status 503',
    client: ClientKind,
  ): Happening => ({
    type: 'lost',
    client,
    pod,
    method: 'GET',
    path: '/work?<x>',
    cause,
    message: '<img src=x onerror=alert(1)>',
    sentAt: 4000,
    reused: false,
  })
  const happenings: Array<[number, Happening]> = [
    [0, { type: 'phase', phase: 'starting pods' }],
    [10, { type: 'pod-start', pod: 'old-1', old: true, host: '127.0.0.1', port: 20001 }],
    [500, { type: 'pod-ready', pod: 'old-1' }],
    [510, { type: 'phase', phase: 'warming up' }],
    [2500, { type: 'phase', phase: 'rolling update' }],
    [2510, { type: 'pod-start', pod: 'new-1', old: false, host: '127.0.0.1', port: 20002 }],
    [3000, { type: 'pod-ready', pod: 'new-1' }],
    [3001, { type: 'pod-deleted', pod: 'old-1' }],
    [3010, { type: 'hook-start', pod: 'old-1' }],
    [3900, { type: 'hook-failed', pod: 'old-1', message: 'socket hang up' }],
    [3900, { type: 'hook-end', pod: 'old-1', outcome: 'failed' }],
    [3920, { type: 'sigterm', pod: 'old-1', graceSeconds: 30 }],
    [4000, { type: 'pod-exit', pod: 'old-1', code: 0, signal: null }],
    [4001, lost('old-1', 'reset', 'keepAlive')],
    [4002, lost('old-1', 'refused', 'newConnection')],
    [4003, lost('old-1', 'refused', 'newConnection')],
    [4004, lost('old-1', 'truncated', 'streaming')],
    [4100, lost(null, 'refused', 'newConnection')],
    [4200, lost('new-1', 'status 503', 'post')],
    [
      5000,
      {
        type: 'load-end',
        requests: { ...noRequests, keepAlive: 101, newConnection: 52, slowKeepAlive: 3, streaming: 7, post: 9 },
        eventLoopDelayMs: 12,
        loadEventLoopDelayMs: 34,
      },
    ],
    [5001, { type: 'phase', phase: 'done' }],
  ]
  const events = happenings.map(([t, happening]) => ({ t, ...happening }))
  const inFlight = { ...noRequests, keepAlive: 3, newConnection: 1, streaming: 1, post: 1 }
  const samples = [600, 700, 800].map((t) => ({
    type: 'sample' as const,
    t,
    inFlight,
    requests: t / 100,
    lost: 0,
    answered: { 'old-1': 1 },
    latency: { p50: 4, p99: 12.5, max: 20 },
  }))
  return conclude(options, events, samples)
}
