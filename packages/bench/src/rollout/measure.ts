import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type ClientCounts, clientKinds, type Rehearsal, type RehearsalOptions, rehearse } from '@podrain/rehearsal'
import type { Contender } from './contenders.js'

/** The requests that one contender lost in all its rolling updates. */
export interface RolloutResult {
  readonly name: string
  readonly packages: readonly string[]
  readonly advised: string
  readonly hook: string
  readonly rollouts: number
  readonly requests: number
  readonly lost: number
  readonly requestsByClient: Readonly<Record<string, number>>
  readonly lostByClient: Readonly<Record<string, number>>
  readonly lostByCause: Readonly<Record<string, number>>
  /** The longest time from the deletion of an old pod to its exit, in milliseconds. */
  readonly goneAfterMs: number
  readonly exits: Readonly<Record<string, number>>
  /** The longest time for which the event loop of the rehearsal was blocked, in milliseconds. */
  readonly heldUpMs: number
}

/** The same clients for every contender: the kinds that all contenders answer, and half of the requests on new connections. */
const clients: Partial<ClientCounts> = {
  keepAlive: 100,
  newConnection: 30,
  slowKeepAlive: 8,
  streaming: 4,
  post: 4,
  slowReader: 3,
  webSocket: 4,
  sse: 3,
  http2: 30,
}

const requests = {
  get: '/work',
  stream: '/stream',
  post: '/upload',
  download: '/download',
  webSocket: '/socket',
  sse: '/events',
}

/**
 * Whether each pod gets its own network namespace. Then also those requests are lost that are lost with the network of a pod. Needs
 * Linux, root and `ip`.
 */
export const netns: boolean =
  process.platform === 'linux' &&
  process.getuid?.() === 0 &&
  ['/sbin/ip', '/usr/sbin/ip', '/bin/ip'].some((file) => existsSync(file))

/** Repeats the rolling update of a contender until `enough` requests have been sent. */
export async function rollOver(
  contender: Contender,
  enough: number,
  onRollout: (result: RolloutResult) => void,
  signal?: AbortSignal,
): Promise<RolloutResult> {
  let result = none(contender)
  do {
    result = add(result, await rehearse(optionsOf(contender, result.rollouts + 1, signal)))
    onRollout(result)
  } while (result.requests < enough)
  return result
}

function optionsOf(contender: Contender, seed: number, signal?: AbortSignal): RehearsalOptions {
  const { name, preStop, http2 = false, ready = '/readyz' } = contender
  return {
    name,
    command: process.execPath,
    args: [join(__dirname, 'server.js'), name],
    replicas: 3,
    terminationGracePeriodSeconds: 30,
    preStop,
    // The kubelet does not speak HTTP/2, so the probe only opens a connection.
    readinessProbe: { path: http2 ? null : ready },
    requests: http2 ? { http2: '/work' } : requests,
    clients,
    netns,
    seed,
    maxRequests: 1_000_000,
    signal,
  }
}

function none({ name, packages, advised, preStop }: Contender): RolloutResult {
  const hook = preStop === undefined ? 'none' : 'sleep' in preStop ? `sleep ${preStop.sleep.seconds}` : 'httpGet'
  const zero = Object.fromEntries(clientKinds.map((kind) => [kind, 0]))
  return {
    name,
    packages,
    advised,
    hook,
    rollouts: 0,
    requests: 0,
    lost: 0,
    requestsByClient: zero,
    lostByClient: zero,
    lostByCause: {},
    goneAfterMs: 0,
    exits: {},
    heldUpMs: 0,
  }
}

function add(total: RolloutResult, { summary }: Rehearsal): RolloutResult {
  return {
    ...total,
    rollouts: total.rollouts + 1,
    requests: total.requests + summary.requests,
    lost: total.lost + summary.lost,
    requestsByClient: sum(total.requestsByClient, summary.requestsByClient),
    lostByClient: sum(total.lostByClient, summary.lostByClient),
    lostByCause: sum(total.lostByCause, summary.lostByCause),
    goneAfterMs: Math.max(total.goneAfterMs, summary.oldPodsGoneAfterMs.max),
    exits: sum(total.exits, summary.exits),
    heldUpMs: Math.max(total.heldUpMs, summary.eventLoopDelayMs ?? 0),
  }
}

function sum(
  one: Readonly<Record<string, number>>,
  other: Readonly<Record<string, number | undefined>>,
): Record<string, number> {
  const names = [...new Set([...Object.keys(one), ...Object.keys(other)])]
  return Object.fromEntries(names.map((name) => [name, (one[name] ?? 0) + (other[name] ?? 0)]))
}
