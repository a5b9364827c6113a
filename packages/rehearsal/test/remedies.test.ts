import { describe, expect, test } from 'vitest'
import { type RehearsalOptions, rehearse } from '../src/index.js'
import { pidNamespaces } from '../src/shared/pid-namespaces.js'
import { fixture, short } from './short.js'

const node = { command: process.execPath, args: [fixture('careless.mjs')] }

/** One pod that another replaces. Endpoints are late for long enough that an app which ends at once is missed. */
function options({ env, ...more }: Partial<RehearsalOptions>): RehearsalOptions {
  return short({
    ...node,
    env: { ENDING: 'finishes', ...env },
    app: { framework: 'node' },
    replicas: 1,
    endpointLag: { min: 1500, median: 1600, max: 1700 },
    clients: { keepAlive: 4, newConnection: 2, slowKeepAlive: 0 },
    ...more,
  })
}

const ending = (name: string): Partial<RehearsalOptions> => ({ env: { ENDING: name } })

/** The line of code that an advice gives, run by the app. */
const code = (line = ''): Partial<RehearsalOptions> => ({
  env: { ADVICE: line },
  app: { framework: 'node', podrain: true },
})
const grace = (seconds: string | undefined) => ({ terminationGracePeriodSeconds: Number(seconds) })
/** An app that waits for kept connections would wait until it is killed. */
const newConnections = { clients: { keepAlive: 0, newConnection: 3, slowKeepAlive: 0 } }
const sleep = (seconds: string | undefined) => ({ preStop: { sleep: { seconds: Number(seconds) } } })

/** What loses requests, the advice on it, and what is done by its words. */
interface Case {
  readonly app: string
  readonly before: Partial<RehearsalOptions>
  readonly advice: RegExp
  follow(words: RegExpMatchArray): Partial<RehearsalOptions>
}

const bringIn = /: `(drainServer\(server\))` of @podrain\/core does\./
const bringInWithGrace = new RegExp(`${bringIn.source} Raise terminationGracePeriodSeconds from 2 to (\\d+) for it`)

const cases: readonly Case[] = [
  // It takes the longest, so it begins first.
  {
    app: 'has podrain, which does not know of the slow balancer before it',
    before: {
      // podrain stays as long as somebody asks all the time, so that few have to ask.
      ...code('drainServer(server, { settle: { min: 100, quiet: 100 } })'),
      ...{ behind: 'ingress-nginx', endpointLag: undefined, seed: 2 },
      ...newConnections,
      rate: 5,
    },
    advice: /^Tell podrain what routes to the pods: `(behind: '[a-z-]+')`\./,
    follow: ([, option]) => code(`drainServer(server, { ${option} })`),
  },
  {
    app: 'has no handler for SIGTERM',
    before: { ...ending('does not hear'), terminationGracePeriodSeconds: 2 },
    advice: new RegExp(`^Handle SIGTERM.*${bringInWithGrace.source}`),
    follow: ([, line, seconds]) => ({ ...code(line), ...grace(seconds) }),
  },
  {
    app: 'exits while requests are in flight',
    before: ending('exits'),
    advice: new RegExp(`^Exit only when nothing is in flight.*${bringIn.source}`),
    follow: ([, line]) => code(line),
  },
  {
    app: 'answers 503 as it ends',
    before: ending('refuses'),
    advice: new RegExp(`^Answer every request until the process exits.*${bringIn.source}`),
    follow: ([, line]) => code(line),
  },
  {
    app: 'destroys kept connections under their clients',
    before: ending('drops'),
    advice: new RegExp(`^Do not close a connection that a client may use.*${bringIn.source}`),
    follow: ([, line]) => code(line),
  },
  {
    app: 'cuts its responses',
    before: { env: { ENDING: 'cuts', WORK_MS: '200' } },
    advice: new RegExp(`^Let responses finish before their connections are closed.*${bringIn.source}`),
    follow: ([, line]) => code(line),
  },
  {
    app: 'closes its listener at once, and gets podrain with its hook',
    before: { ...ending('closes'), ...newConnections },
    advice:
      /^Keep the listener open until clients know: `(.+)` of @podrain\/core with .*httpGet\.path: (\S+)\. Without it/,
    follow: ([, line, path = '']) => ({ ...code(line), preStop: { httpGet: { path } } }),
  },
  {
    app: 'closes its listener at once, and gets a hook that sleeps',
    before: { ...ending('closes'), ...newConnections },
    advice: /Without it: lifecycle\.preStop\.sleep\.seconds: (\d+)\./,
    follow: ([, seconds]) => sleep(seconds),
  },
  {
    app: 'sleeps too short for the Service',
    before: {
      ...ending('closes'),
      ...sleep('0.1'),
      ...newConnections,
    },
    advice: /^Raise lifecycle\.preStop\.sleep\.seconds from 0\.1 to (\d+):/,
    follow: ([, seconds]) => sleep(seconds),
  },
  {
    app: 'has a hook whose path is wrong',
    before: {
      ...ending('closes'),
      preStop: { httpGet: { path: '/prestpo' } },
      ...newConnections,
    },
    advice: /^The preStop hook GET \/prestpo was answered 404 .*correct its path and port/,
    follow: () => ({ preStop: { httpGet: { path: '/prestop' } } }),
  },
  {
    app: 'has requests that are longer than the grace period',
    before: {
      ...{ env: { WORK_MS: '4000' }, terminationGracePeriodSeconds: 2 },
      clients: { keepAlive: 20, newConnection: 0, slowKeepAlive: 0 },
    },
    advice: /^Raise terminationGracePeriodSeconds from 2 to (\d+): /,
    follow: ([, seconds]) => grace(seconds),
  },
  {
    app: 'has a hook that is longer than the grace period',
    before: {
      ...{ env: { WORK_MS: '4000' }, ...grace('2'), ...sleep('3') },
      clients: { keepAlive: 20, newConnection: 0, slowKeepAlive: 0 },
    },
    advice: /^The preStop hook took the whole grace period: shorten it, or raise .* from 2 to (\d+)\.$/,
    follow: ([, seconds]) => grace(seconds),
  },
  {
    app: 'fails on its way out',
    before: ending('fails'),
    advice: /Close pools and clients only after the last request has been answered/,
    follow: () => ending('finishes'),
  },
  {
    app: 'is the only pod, and may be missing',
    before: { maxSurge: 0, maxUnavailable: 1, startDelay: 1500 },
    advice: /^Set maxUnavailable: (\d) and maxSurge: (\d),/,
    follow: ([, maxUnavailable, maxSurge]) => ({ maxUnavailable: Number(maxUnavailable), maxSurge: Number(maxSurge) }),
  },
  {
    app: 'gets requests before it listens',
    before: {
      ...{ env: { START_MS: '1500' }, readinessProbe: null },
      endpointLag: { min: 10, median: 20, max: 30 },
    },
    advice: /^Give the container a readinessProbe/,
    follow: () => ({ readinessProbe: { path: '/readyz', periodSeconds: 0.1, timeoutSeconds: 5 } }),
  },
]

/** What is so only where the app, or what starts it, is PID 1. */
const casesOfPidOne: readonly Case[] = [
  {
    app: 'handles SIGTERM once, and goes on',
    before: { ...ending('hears once'), terminationGracePeriodSeconds: 2 },
    advice: new RegExp(`^Handle SIGTERM.*${bringInWithGrace.source}`),
    follow: ([, line, seconds]) => ({ ...code(line), ...grace(seconds) }),
  },
  {
    app: 'is started by a script without exec',
    before: { command: 'sh', args: ['-c', '"$0" "$1"; true', node.command, ...node.args], ...grace('6') },
    advice: /^Start the app itself, as `node server\.js`, or with `exec` in a script/,
    follow: () => ({ args: ['-c', 'exec "$0" "$1"', node.command, ...node.args] }),
  },
  {
    app: 'is started by npm',
    before: { command: 'npm', args: ['start'], cwd: fixture('npm'), ...grace('6') },
    advice: /^Start the app itself, as `node server\.js`/,
    follow: () => node,
  },
]

/** Rehearses with a loss, does what the advice on it says, and rehearses again. */
async function heed({ before, advice, follow }: Case): Promise<void> {
  const { diagnoses } = (await rehearse(options(before))).summary
  const fixes = diagnoses.map(({ fix }) => fix)
  const words =
    fixes.map((fix) => fix.match(advice)).find((match) => match !== null) ??
    expect.fail(`no such advice: ${fixes.join('\n')}`)
  const { env, ...more } = follow(words)
  const after = await rehearse(options({ ...before, ...more, env: { ...before.env, ...env } }))
  expect(after.summary.diagnoses).toEqual([])
}

const namespaces = pidNamespaces()
const obstacle = 'obstacle' in namespaces ? namespaces.obstacle : undefined

describe.concurrent('no request is lost after following the advice for an app that', () => {
  test.for(cases)('$app', heed)

  test.for(casesOfPidOne)('$app', (row, { skip }) => {
    skip(obstacle !== undefined, obstacle)
    return heed(row)
  })
})
