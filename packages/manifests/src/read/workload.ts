import type { Behind } from '@podrain/core'
import type { Container, Pod, probes } from '../objects/pod.js'
import { textOf } from '../objects/resource.js'
import type { Place } from '../text/place.js'
import type { Source } from '../text/source.js'
import type { World } from '../world/world.js'
import { read } from './reading.js'

/** A request of the kubelet. Names of ports are resolved to numbers. */
export interface WorkloadRequest {
  readonly scheme: 'HTTP' | 'HTTPS'
  readonly path: string
  readonly port: number | undefined
  readonly headers: Readonly<Record<string, string>>
}

/** A probe, with the fields and defaults of Kubernetes. */
export interface WorkloadProbe {
  readonly httpGet?: WorkloadRequest
  /** The port of `tcpSocket`. */
  readonly tcp?: { readonly port: number | undefined }
  readonly exec?: readonly string[]
  readonly grpc?: { readonly port: number | undefined; readonly service: string }
  readonly initialDelaySeconds: number
  readonly periodSeconds: number
  readonly timeoutSeconds: number
  readonly successThreshold: number
  readonly failureThreshold: number
}

/** One container of a workload, with everything that can be rehearsed on one machine. */
export interface Workload {
  /** `Deployment/web` */
  readonly label: string
  readonly kind: string
  readonly file: string
  readonly container: string
  /** `command` and `args`; undefined if the command is in the image. */
  readonly command: readonly string[] | undefined
  readonly env: Readonly<Record<string, string>>
  /** The names of variables whose values the manifest does not have, or `all of` a ConfigMap or Secret. */
  readonly unknownEnv: readonly string[]
  /** The port that a Service routes to, or else the container's first port. */
  readonly port: number | undefined
  readonly replicas: number
  readonly maxSurge: number | string
  readonly maxUnavailable: number | string
  /** For a StatefulSet: pods with a lower ordinal are not replaced. 0 for other kinds. */
  readonly partition: number
  readonly minReadySeconds: number
  /** `terminationGracePeriodSeconds`, or its default of 30. */
  readonly grace: number
  readonly readinessProbe: WorkloadProbe | undefined
  readonly livenessProbe: WorkloadProbe | undefined
  readonly startupProbe: WorkloadProbe | undefined
  readonly preStop:
    | { readonly httpGet: WorkloadRequest }
    | { readonly exec: readonly string[] }
    | { readonly sleep: number }
    | undefined
  /** What routes to the pods, as far as the files show it. */
  readonly behind: Behind
  /** What a rehearsal cannot play of the manifest, as phrases. */
  readonly notPlayed: readonly string[]
}

/** Kinds whose pods are replaced while they get requests. */
const kinds = ['Deployment', 'StatefulSet', 'DaemonSet', 'Rollout', 'ReplicaSet']

/**
 * Every container of every workload in these files that may get requests.
 * @throws Error for a file that is not valid YAML; the message begins with file, line and column.
 */
export function workloadsOf(sources: readonly Source[]): Workload[] {
  const { manifests, worlds } = read(sources)
  const [problem] = manifests.flatMap(({ problems }) => problems)
  if (problem !== undefined) throw new Error(`${problem.file}:${problem.line}:${problem.column}: ${problem.message}`)
  return worlds.flatMap((world) =>
    world.pods
      .filter(({ kind }) => kinds.includes(kind))
      .flatMap((pod) => pod.containers.map((container) => workloadOf(pod, container, world))),
  )
}

function workloadOf(pod: Pod, container: Container, world: World): Workload {
  const notPlayed: string[] = []
  const others = [...pod.containers, ...pod.initContainers].filter(({ name }) => name !== container.name)
  if (others.length > 0) notPlayed.push(`other containers of the pod (${others.map(({ name }) => name).join(', ')})`)
  if (container.place.get('resources', 'limits', 'cpu').exists) notPlayed.push('the CPU limit: give it with --cpus')
  if (container.place.get('lifecycle', 'postStart').exists) notPlayed.push('the postStart hook')
  const gates = pod.spec.get('readinessGates').items.flatMap((gate) => gate.get('conditionType').text ?? [])
  if (gates.length > 0) {
    notPlayed.push(
      `readiness gates (${gates.join(', ')}): there a new pod counts as ready, and an old one goes, only when they are met, too`,
    )
  }
  const [readinessProbe, livenessProbe, startupProbe] = (
    ['readinessProbe', 'livenessProbe', 'startupProbe'] as const
  ).map((name: (typeof probes)[number]) => probeOf(container, name, notPlayed))
  return {
    label: pod.resource.label,
    kind: pod.kind,
    file: pod.resource.file,
    container: container.name,
    command: container.command,
    ...environmentOf(container),
    port: portOf(pod, container, world),
    replicas: pod.replicas ?? 1,
    ...budgetsOf(pod, notPlayed),
    partition: pod.strategy.get('rollingUpdate', 'partition').number ?? 0,
    minReadySeconds: pod.resource.get('spec', 'minReadySeconds').number ?? 0,
    grace: pod.grace ?? 30,
    readinessProbe,
    livenessProbe,
    startupProbe,
    preStop: hookOf(container, notPlayed),
    behind: world.balancerOf(pod).behind,
    notPlayed,
  }
}

/** The variables whose values the manifest has, and the names of the others. */
function environmentOf(container: Container): Pick<Workload, 'env' | 'unknownEnv'> {
  const env: Record<string, string> = {}
  const unknownEnv: string[] = []
  for (const name of container.environment.names) {
    const value = container.environment.text(name)
    if (value === undefined) unknownEnv.push(name)
    else env[name] = value
  }
  for (const from of container.place.get('envFrom').items) {
    for (const kind of ['configMapRef', 'secretRef']) {
      const name = from.get(kind, 'name').text
      if (name !== undefined) unknownEnv.push(`all of ${name}`)
    }
  }
  return { env, unknownEnv }
}

/** The port that gets requests. */
function portOf(pod: Pod, container: Container, world: World): number | undefined {
  for (const service of world.servicesOf(pod)) {
    for (const port of service.get('spec', 'ports').items) {
      const target = port.get('targetPort').exists ? port.get('targetPort') : port.get('port')
      const number = container.portNumber(target)
      if (number !== undefined) return number
    }
  }
  return container.ports[0]?.get('containerPort').number
}

/** `maxSurge` and `maxUnavailable`. A workload that does not roll like a Deployment is approximated by one. */
function budgetsOf(pod: Pod, notPlayed: string[]): Pick<Workload, 'maxSurge' | 'maxUnavailable'> {
  const rolling = pod.strategy.get('rollingUpdate')
  if (pod.kind === 'StatefulSet' || pod.kind === 'DaemonSet') {
    if (pod.strategy.get('type').text === 'OnDelete') {
      notPlayed.push(
        '`updateStrategy.type: OnDelete`, which waits for somebody to delete each pod: played as RollingUpdate',
      )
    }
    if (pod.kind === 'DaemonSet') {
      notPlayed.push('the nodes of a DaemonSet: played as a Deployment that replaces pod by pod')
    }
    return {
      maxSurge: pod.kind === 'DaemonSet' ? shareOf(rolling.get('maxSurge'), 0) : 0,
      maxUnavailable: shareOf(rolling.get('maxUnavailable'), 1),
    }
  }
  if (pod.strategy.get('type').text === 'Recreate') {
    notPlayed.push('the pause of `strategy.type: Recreate`, in which there is no pod at all')
    return { maxSurge: 0, maxUnavailable: '100%' }
  }
  return {
    maxSurge: shareOf(rolling.get('maxSurge'), '25%'),
    maxUnavailable: shareOf(rolling.get('maxUnavailable'), '25%'),
  }
}

function shareOf(place: Place, fallback: number | string): number | string {
  const { value } = place
  return typeof value === 'number' || typeof value === 'string' ? value : fallback
}

function probeOf(container: Container, name: (typeof probes)[number], notPlayed: string[]): WorkloadProbe | undefined {
  const place = container.place.get(name)
  if (!place.exists || place.value === null) return undefined
  const number = (field: string, fallback: number) => place.get(field).number ?? fallback
  // Kubernetes uses the default for 0, too.
  const positive = (field: string, fallback: number) => number(field, 0) || fallback
  const times = {
    initialDelaySeconds: number('initialDelaySeconds', 0),
    periodSeconds: positive('periodSeconds', 10),
    timeoutSeconds: positive('timeoutSeconds', 1),
    successThreshold: positive('successThreshold', 1),
    failureThreshold: positive('failureThreshold', 3),
  }
  if (place.get('httpGet').exists)
    return { httpGet: requestOf(place.get('httpGet'), container, name, notPlayed), ...times }
  if (place.get('exec').exists) return { exec: place.get('exec', 'command').texts, ...times }
  const call = place.get('grpc')
  if (call.exists) {
    return { grpc: { port: container.portNumber(call.get('port')), service: call.get('service').text ?? '' }, ...times }
  }
  return { tcp: { port: container.portNumber(place.get('tcpSocket', 'port')) }, ...times }
}

function hookOf(container: Container, notPlayed: string[]): Workload['preStop'] {
  const { hook } = container
  if (hook?.handler === 'httpGet')
    return { httpGet: requestOf(hook.place.get('httpGet'), container, 'preStop hook', notPlayed) }
  if (hook?.handler === 'exec') return { exec: hook.command }
  if (hook?.handler === 'sleep') return { sleep: hook.seconds ?? 0 }
  if (hook !== undefined) notPlayed.push('the preStop hook, which is no request, command or sleep')
  return undefined
}

function requestOf(place: Place, container: Container, what: string, notPlayed: string[]): WorkloadRequest {
  if (place.get('host').exists) notPlayed.push(`the host of the ${what}: the pod is asked`)
  const headers = place.get('httpHeaders').items.flatMap((item): Array<[string, string]> => {
    const name = item.get('name').text
    return name === undefined ? [] : [[name, textOf(item.get('value')) ?? '']]
  })
  const path = place.get('path').text ?? '/'
  return {
    scheme: place.get('scheme').text === 'HTTPS' ? 'HTTPS' : 'HTTP',
    path: path.startsWith('/') ? path : `/${path}`,
    port: container.portNumber(place.get('port')),
    headers: Object.fromEntries(headers),
  }
}
