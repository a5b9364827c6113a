import { readSources, type Workload, type WorkloadProbe, type WorkloadRequest, workloadsOf } from '@podrain/manifests'
import type { Probe, RehearsalOptions } from '@podrain/rehearsal'
import { UsageError } from './usage.js'

/** A manifest as options of the engine, and what a rehearsal cannot play of it. */
export interface FromManifest {
  readonly options: Partial<RehearsalOptions>
  /** `Deployment/web in k8s/web.yaml, container app` */
  readonly origin: string
  readonly notPlayed: readonly string[]
}

/**
 * Reads a manifest for `podrain rehearse`.
 * @param wanted The container, as `app`, `Deployment/web` or `Deployment/web/app`; undefined if there is only one
 * @param given The variables of `--env`.
 * @throws UsageError when the file cannot be read, or it is not clear which container is meant.
 */
export function readManifest(
  path: string,
  wanted: string | undefined,
  given: Readonly<Record<string, string>> = {},
): FromManifest {
  const workload = withPort(choose(read(path), path, wanted))
  const { label, file, container, command, notPlayed } = workload
  const missing = workload.unknownEnv.filter((name) => given[name] === undefined)
  const [program, ...args] = command ?? []
  const own = portEnvOf(workload)
  const options: Partial<RehearsalOptions> = {
    name: label,
    ...(program !== undefined && { command: program, args }),
    env: environmentOf(workload, own),
    ...(own !== undefined && { portEnv: own }),
    ...(workload.kind === 'StatefulSet' && { workload: 'StatefulSet' as const, partition: workload.partition }),
    replicas: workload.replicas,
    maxSurge: workload.maxSurge as number,
    maxUnavailable: workload.maxUnavailable as number,
    minReadySeconds: workload.minReadySeconds,
    terminationGracePeriodSeconds: workload.grace,
    behind: workload.behind,
    preStop: hookOf(workload),
    readinessProbe: workload.readinessProbe === undefined ? null : probeOf(workload.readinessProbe, workload),
    ...(workload.livenessProbe && { livenessProbe: probeOf(workload.livenessProbe, workload) }),
    ...(workload.startupProbe && { startupProbe: probeOf(workload.startupProbe, workload) }),
  }
  return {
    options,
    origin: `${label} in ${file}, container ${container}`,
    notPlayed: [
      ...(missing.length > 0 ? [`variables from elsewhere (${missing.join(', ')}): give them with --env`] : []),
      ...notPlayed,
    ],
  }
}

function read(path: string): readonly Workload[] {
  try {
    return workloadsOf(readSources([path]).sources)
  } catch (error) {
    throw new UsageError(`--manifest: ${(error as Error).message}`)
  }
}

function choose(workloads: readonly Workload[], path: string, wanted: string | undefined): Workload {
  const namesOf = ({ label, container }: Workload) => [container, label, `${label}/${container}`]
  const found = wanted === undefined ? workloads : workloads.filter((workload) => namesOf(workload).includes(wanted))
  const [first, ...more] = found
  if (first !== undefined && more.length === 0) return first
  const list = workloads.map(({ label, container }) => `  --container ${label}/${container}`).join('\n')
  if (workloads.length === 0)
    throw new UsageError(
      `--manifest: there is no Deployment, or anything like it, in ${path === '-' ? 'standard input' : path}`,
    )
  const what = first === undefined ? `no container ${wanted}` : 'more than one container'
  throw new UsageError(`--manifest: there is ${what} in ${path}. Say which:\n${list}`)
}

/** A container need not list `ports`. Without them its port is the value of `PORT`, or else the port of a probe. */
function withPort(workload: Workload): Workload {
  const { env, readinessProbe, livenessProbe, startupProbe } = workload
  const told = /^\d+$/.test(env.PORT ?? '') ? Number(env.PORT) : undefined
  const asked = [readinessProbe, livenessProbe, startupProbe].map(
    (probe) => (probe?.httpGet ?? probe?.tcp ?? probe?.grpc)?.port,
  )
  return { ...workload, port: workload.port ?? told ?? asked.find((port) => port !== undefined) }
}

/** The name of the variable with the app's port: the one whose value is the container's port. */
function portEnvOf({ env, port }: Workload): string | undefined {
  return port === undefined ? undefined : Object.keys(env).find((name) => env[name] === String(port))
}

/** The environment without the variable of the port, because each pod gets its own port. */
function environmentOf({ env }: Workload, portEnv: string | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => name !== portEnv))
}

/** The port of a probe or hook; left out if it is the pod's own port, which the rehearsal chooses. */
function portOf(port: number | undefined, workload: Workload): { port?: number } {
  return port === undefined || port === workload.port ? {} : { port }
}

function requestOf({ scheme, path, port, headers }: WorkloadRequest, workload: Workload) {
  return { scheme, path, ...portOf(port, workload), ...(Object.keys(headers).length > 0 && { httpHeaders: headers }) }
}

function probeOf({ httpGet, tcp, exec, grpc, ...times }: WorkloadProbe, workload: Workload): Partial<Probe> {
  if (exec !== undefined) return { exec, ...times }
  if (grpc !== undefined) {
    const { port, service } = grpc
    return { grpc: { ...portOf(port, workload), ...(service !== '' && { service }) }, ...times }
  }
  if (httpGet !== undefined) return { ...requestOf(httpGet, workload), ...times }
  return { path: null, ...portOf(tcp?.port, workload), ...times }
}

function hookOf(workload: Workload): RehearsalOptions['preStop'] {
  const { preStop } = workload
  if (preStop === undefined) return undefined
  if ('sleep' in preStop) return { sleep: { seconds: preStop.sleep } }
  if ('exec' in preStop) return { exec: { command: preStop.exec } }
  return { httpGet: requestOf(preStop.httpGet, workload) }
}
