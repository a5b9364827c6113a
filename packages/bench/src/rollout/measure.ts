import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type ClientCounts, clientKinds, type Rehearsal, type RehearsalOptions, rehearse } from '@podrain/rehearsal'
import type { Contender } from './contenders.js'

/** What one contender lost, over all of its rolling updates. */
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
  /** Milliseconds from the delete of an old pod until it was gone, at worst. */
  readonly goneAfterMs: number
  readonly exits: Readonly<Record<string, number>>
  /** The longest time in milliseconds in which the rehearsal itself could do nothing. */
  readonly heldUpMs: number
}

/** The same load for everybody: clients of every kind that the contenders answer, and half of all requests on connections of their own. */
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

/** A network for each pod shows what is lost with it; it needs Linux and root. */
export const netns: boolean =
  process.platform === 'linux' &&
  process.getuid?.() === 0 &&
  ['/sbin/ip', '/usr/sbin/ip', '/bin/ip'].some((file) => existsSync(file))

/** Rolls the contender over again and again, until so many requests have been sent. */
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
    // The kubelet speaks no HTTP/2: it looks whether the port is open.
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
  const hook = preStop === undefined ? 'none' : 'sleepSeconds' in preStop ? `sleep ${preStop.sleepSeconds}` : 'httpGet'
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

function add(so: RolloutResult, { summary }: Rehearsal): RolloutResult {
  return {
    ...so,
    rollouts: so.rollouts + 1,
    requests: so.requests + summary.requests,
    lost: so.lost + summary.lost,
    requestsByClient: sum(so.requestsByClient, summary.requestsByClient),
    lostByClient: sum(so.lostByClient, summary.lostByClient),
    lostByCause: sum(so.lostByCause, summary.lostByCause),
    goneAfterMs: Math.max(so.goneAfterMs, summary.oldPodsGoneAfterMs.max),
    exits: sum(so.exits, summary.exits),
    heldUpMs: Math.max(so.heldUpMs, summary.heldUpMs ?? 0),
  }
}

function sum(
  one: Readonly<Record<string, number>>,
  other: Readonly<Record<string, number | undefined>>,
): Record<string, number> {
  const names = [...new Set([...Object.keys(one), ...Object.keys(other)])]
  return Object.fromEntries(names.map((name) => [name, (one[name] ?? 0) + (other[name] ?? 0)]))
}
