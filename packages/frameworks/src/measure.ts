import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { type PreStop, type RehearsalOptions, rehearse } from '@podrain/rehearsal'
import type { Fixture, Variant } from './fixture.js'
import { lastLines } from './install.js'
import { SocketIoLoad } from './socket-io.js'

/** The outcome of a rolling update. */
export interface Outcome {
  /** `none`, `sleep 5` or `httpGet /prestop`. */
  readonly hook: string
  readonly requests: number
  readonly lost: number
  readonly lostByCause: Readonly<Record<string, number | undefined>>
  /** The number of old pods by the way in which they ended. */
  readonly exits: Readonly<Record<string, number>>
  /** The number of old pods in which the application's own hook ran. */
  readonly cleanedUp: number
  /** The longest time from the deletion of an old pod to its exit, in milliseconds. */
  readonly goneAfterMs: number
}

/** Why there is no outcome. */
export interface Failed {
  readonly failed: string
}

/** The line that the application's own hook writes. */
const mark = 'own hook ran'

/** Whether each pod gets its own network namespace, so that data that is lost with the network of a pod counts. Needs Linux, root and `ip`. */
const netns =
  process.platform === 'linux' &&
  process.getuid?.() === 0 &&
  ['/sbin/ip', '/usr/sbin/ip', '/bin/ip'].some((file) => existsSync(file))

const probe = { periodSeconds: 0.2, failureThreshold: 3 }
/** Two pods are replaced at the same time by two new ones, so that every client uses a pod that ends. */
const usual = {
  ...{ replicas: 2, maxSurge: 2, netns, behind: 'kube-proxy', startDelay: 0, warmUp: 1500, coolDown: 500 },
  clients: { keepAlive: 12, newConnection: 6, slowKeepAlive: 4 },
} satisfies Partial<RehearsalOptions>
/** For tests: one pod, and endpoints that change after 300 ms. */
const quick = {
  ...{ replicas: 1, endpointLag: { min: 300, median: 300, max: 300 }, startDelay: 0, warmUp: 500, coolDown: 100 },
  clients: { keepAlive: 6, newConnection: 2, slowKeepAlive: 1 },
} satisfies Partial<RehearsalOptions>

export interface Setting {
  /** The directory with the fixture and its installed packages. */
  readonly directory: string
  /** Whether the pod has a preStop hook. With podrain the hook is `/prestop`, without podrain a sleep. */
  readonly hook: boolean
  readonly quick?: boolean
  readonly signal?: AbortSignal
}

/** Runs a rolling update of one variant under load. Rejects only if the signal is aborted. */
export async function measure(fixture: Fixture, variant: Variant, setting: Setting): Promise<Outcome | Failed> {
  const seconds = setting.quick ? 1 : 5
  const podrains = variant.podrain !== undefined
  const preStop: PreStop = podrains ? { httpGet: { path: '/prestop' } } : { sleep: { seconds } }
  const hook = !setting.hook ? 'none' : podrains ? 'httpGet /prestop' : `sleep ${seconds}`
  let load: SocketIoLoad | undefined
  const logs = mkdtempSync(join(tmpdir(), 'podrain-frameworks-logs-'))
  try {
    if (variant.socketIo) load = new SocketIoLoad(setting.directory, variant.socketIo)
    const { summary } = await rehearse({
      ...(setting.quick ? quick : usual),
      ...(load && { clients: { keepAlive: 1, newConnection: 0, slowKeepAlive: 0 } }),
      name: variant.name,
      // The output goes to a file. A pod writes whether its own hook ran just before it exits, and no such line may be missing.
      command: 'sh',
      args: ['-c', 'exec "$@" >"$FIXTURE_LOGS/$POD_NAME" 2>&1', 'sh', ...variant.command],
      cwd: setting.directory,
      env: { NODE_ENV: 'production', PATH: path(setting.directory), FIXTURE_LOGS: logs, ...variant.env },
      requests: [{ path: '/', ...fixture.request }],
      readinessProbe: { ...probe, path: podrains ? '/readyz' : readyOf(fixture) },
      preStop: setting.hook ? preStop : undefined,
      // Some applications compile when they start.
      startupTimeout: 120_000,
      timeout: 240_000,
      signal: setting.signal,
      onEvent: (event) => load?.onEvent(event),
    })
    const old = logsIn(logs).filter(({ pod }) => pod.startsWith('old-'))
    return {
      hook,
      requests: (load ?? summary).requests,
      lost: (load ?? summary).lost,
      lostByCause: (load ?? summary).lostByCause,
      exits: summary.exits,
      cleanedUp: old.filter(({ text }) => text.includes(mark)).length,
      goneAfterMs: summary.oldPodsGoneAfterMs.max,
    }
  } catch (error) {
    setting.signal?.throwIfAborted()
    // The rehearsal names the pod, but the output of the pod is in our log file.
    const message = (error as Error).message.replace(/ It wrote nothing\.$/, '')
    const said = logsIn(logs).find(({ pod }) => message.includes(pod))?.text ?? ''
    return { failed: lastLines(`${said}\n${message}`, setting.directory) }
  } finally {
    load?.end()
    rmSync(logs, { recursive: true })
  }
}

function readyOf({ ready, request = {} }: Fixture): string | null {
  if (ready !== undefined) return ready
  return (request.method ?? 'GET') === 'GET' ? (request.path ?? '/') : null
}

function path(directory: string): string {
  const own = [join(directory, 'node_modules', '.bin'), dirname(process.execPath)]
  return [...own, process.env.PATH].join(delimiter)
}

function logsIn(directory: string): { pod: string; text: string }[] {
  return readdirSync(directory).map((pod) => ({ pod, text: readFileSync(join(directory, pod), 'utf8') }))
}
