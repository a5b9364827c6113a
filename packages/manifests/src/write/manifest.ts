import type { Behind } from '@podrain/core'
import { stringify } from 'yaml'
import { autoscalerWaits } from '../rules/node.js'
import { budgetOf, graceSecondsFor, presets } from '../shared/budget.js'
import {
  environment,
  graceEntry,
  type HookKind,
  indented,
  instead,
  preStop,
  probes,
  socketMount,
  socketVolume,
  strategy,
  type Value,
  type Variable,
} from './pieces.js'

export type { HookKind }

/** What to write: whole objects, a kustomize patch or Component, Helm values, or a Helm library chart. */
export type ManifestKind = 'kubernetes' | 'kustomize' | 'component' | 'helm' | 'helm-library'

/** All kinds of hooks. */
export const hookKinds: readonly HookKind[] = ['http', 'exec', 'control-port']

/** All kinds of manifests. */
export const manifestKinds: readonly ManifestKind[] = ['kubernetes', 'kustomize', 'component', 'helm', 'helm-library']

/** Options of {@link writeFiles} and {@link writeManifest}. */
export interface ManifestOptions {
  /** The name of the Deployment and its container: lower case, at most 63 characters. */
  readonly name: string
  /** The image of the container, such as `registry/web:1.2`. */
  readonly image: string
  /** The port that the app listens on. @default 8080 */
  readonly port?: number
  /** What routes to the pods. @default 'kube-proxy' */
  readonly behind?: Behind
  /** How long the longest request takes, in ms, up to a day. @default 10000 */
  readonly longestRequest?: number
  /** How the kubelet calls podrain's hook. @default 'http'; 'control-port' behind 'aws-nlb', because anybody can reach the app's port through an NLB */
  readonly hook?: HookKind
  /** The port of the control endpoints, for the hook 'control-port'. @default 9090 */
  readonly controlPort?: number
  /** The number of pods, from 1. @default 3 */
  readonly replicas?: number
  /** @default 'kubernetes' */
  readonly kind?: ManifestKind
}

/** The options with defaults, and the grace period that follows from them. */
export interface Facts extends Required<ManifestOptions> {
  /** The grace period, in seconds. */
  readonly grace: number
  /** The least grace period, in ms. */
  readonly total: number
  /** The same as a sum, in text. */
  readonly sum: string
}

/** A Deployment, a Service and a PodDisruptionBudget. */
export function objects(facts: Facts): string {
  const documents = [deployment(facts)]
  if (facts.behind !== 'none') documents.push(service(facts))
  documents.push(budget(facts))
  if (facts.behind === 'gke-neg') documents.push(backendConfig(facts))
  return documents.join('---\n')
}

/** @throws {RangeError} that names the option, the value and what was expected. */
export function factsOf(options: ManifestOptions): Facts {
  const {
    behind = 'kube-proxy',
    port = 8080,
    controlPort = 9090,
    longestRequest = 10_000,
    replicas = 3,
    kind = 'kubernetes',
  } = options
  const { name, image, hook = usualHook(behind) } = options
  if (!/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name)) {
    throw new RangeError(
      `Expected \`name\` to be a name in lower case, such as web or order-service, of at most 63 characters, got \`${name}\``,
    )
  }
  if (!/^[^\s]+$/.test(image))
    throw new RangeError(`Expected \`image\` to be such as registry/web:1.2, got \`${image}\``)
  for (const [key, value] of Object.entries({ port, controlPort })) {
    if (!Number.isInteger(value) || value < 1 || value > 65_535) {
      throw new RangeError(`Expected \`${key}\` to be a port from 1 to 65535, got \`${value}\``)
    }
  }
  if (!Object.hasOwn(presets, behind)) {
    throw new RangeError(`Expected \`behind\` to be one of ${Object.keys(presets).join(', ')}, got \`${behind}\``)
  }
  if (!hookKinds.includes(hook))
    throw new RangeError(`Expected \`hook\` to be one of ${hookKinds.join(', ')}, got \`${hook}\``)
  if (!manifestKinds.includes(kind))
    throw new RangeError(`Expected \`kind\` to be one of ${manifestKinds.join(', ')}, got \`${kind}\``)
  if (!Number.isInteger(replicas) || replicas < 1) {
    throw new RangeError(`Expected \`replicas\` to be a whole number from 1, got \`${replicas}\``)
  }
  if (!(longestRequest >= 0 && longestRequest <= 86_400_000)) {
    throw new RangeError(`Expected \`longestRequest\` to be from 0 to a day, got \`${longestRequest}\``)
  }
  if (hook === 'control-port' && controlPort === port) {
    throw new RangeError(`Expected \`controlPort\` to be another port than \`port\`, got \`${controlPort}\` for both`)
  }
  if (behind === 'aws-nlb' && hook === 'http') {
    throw new RangeError(
      'Expected `hook` to be control-port or exec behind aws-nlb, got `http`: it works below HTTP, so anybody who reaches it would reach /prestop',
    )
  }
  const { settle } = presets[behind]
  const needed = graceSecondsFor(settle, longestRequest)
  const grace = Math.max(30, needed)
  const sum = budgetOf(grace, settle, longestRequest)
  return { name, image, port, behind, longestRequest, hook, controlPort, replicas, kind, grace, ...sum }
}

/** The default of {@link ManifestOptions.hook}. A load balancer below HTTP adds no headers, so anybody who reaches it could call /prestop. */
export function usualHook(behind?: Behind): HookKind {
  return behind === 'aws-nlb' ? 'control-port' : 'http'
}

/** What the variables say: facts, or template expressions in their place. */
type Told = { readonly [Name in 'behind' | 'controlPort' | 'grace']: Value } & Pick<Facts, 'hook'>

/** The variables that tell podrain in the app what this manifest assumes. An option in the code of the app counts before its variable. */
export function variablesOf({ behind, hook, controlPort, grace }: Told): Variable[] {
  const balancer = 'What routes to the pod. podrain waits until this load balancer has stopped routing to it.'
  const port =
    'A port for hook and probes alone. With Express and Koa call `watch(server)`, or /readyz says 200 before the app listens.'
  const socket = 'The hook asks podrain on the socket /tmp/podrain.sock.'
  const closed = 'Nobody can begin the drain on the port of the app.'
  return [
    graceEntry(grace),
    ...(behind === 'kube-proxy' ? [] : [{ name: 'PODRAIN_BEHIND', value: behind, comment: balancer }]),
    ...(hook === 'control-port' ? [{ name: 'PODRAIN_CONTROL_PORT', value: controlPort, comment: port }] : []),
    ...(hook === 'exec'
      ? [
          { name: 'PODRAIN_CONTROL_SOCKET', value: 'true', comment: socket },
          { name: 'PODRAIN_ENDPOINTS_PRESTOP', value: 'false', comment: closed },
        ]
      : []),
  ]
}

export const heading = '# Written by podrain manifest. In the Dockerfile: CMD ["node", "server.js"].\n'

export function graceComment({ behind, grace, sum, total }: Facts, indent: string): string {
  const lines = [`${sum} (settle: ${behind})`]
  if (grace * 1000 > total) {
    lines.push(`${grace} s is the default of Kubernetes, and costs nothing: the pod leaves as soon as nothing is open`)
  }
  if (grace > autoscalerWaits) {
    const why = `the cluster autoscaler removes a node after ${autoscalerWaits} s unless its \`--max-graceful-termination-sec\` says more`
    // Helm values are not linted, so they need no ignore.
    lines.push(indent === '' ? why : `podrain-ignore grace-exceeds-node: ${why}`)
  }
  return lines.map((line) => `${indent}# ${line}\n`).join('')
}

export function text(value: string): string {
  // Kubernetes reads `y` and `on` as booleans.
  return stringify(value, { version: '1.1' }).trimEnd()
}

/** The entries of a container with podrain, at the indentation of its `name`. */
function container(facts: Facts, { ports, before = '' }: { ports: 'named' | 'numbers'; before?: string }): string {
  const { hook, port, controlPort } = facts
  const named = ports === 'named'
  const at = hook === 'control-port' ? (named ? 'control' : controlPort) : named ? 'http' : port
  const listed = `${named ? `- name: http\n  containerPort: ${port}\n` : ''}${hook === 'control-port' ? `# In no Service: only the kubelet needs it.\n- name: control\n  containerPort: ${controlPort}\n` : ''}`
  return [
    under('env', environment(variablesOf(facts))),
    under('ports', listed),
    under('volumeMounts', hook === 'exec' ? socketMount : ''),
    under('lifecycle', under('preStop', `${before}${preStop(hook, at)}`)),
    probes(at, before),
  ].join('')
}

function volumes({ hook }: Facts): string {
  return under('volumes', hook === 'exec' ? socketVolume : '')
}

/** A key with a block under it; empty if the block is. */
function under(key: string, block: string): string {
  return block === '' ? '' : `${key}:\n${indented(block, '  ')}`
}

/** `minReadySeconds`, if a load balancer outside the cluster has to learn of new pods. */
export function minReady({ behind }: Facts): string {
  if (behind !== 'aws-alb' && behind !== 'aws-nlb') return ''
  return `  # Until the load balancer has checked a new pod. Not needed with pod readiness gates
  # (label of the namespace: elbv2.k8s.aws/pod-readiness-gate-inject: enabled).
  minReadySeconds: 30
`
}

function deployment(facts: Facts): string {
  const { name, image, replicas, grace, behind } = facts
  const alone =
    replicas === 1 && behind !== 'none'
      ? "  # podrain-ignore single-replica: one was asked for; `readyzWhileDraining: 'pass'` keeps it reachable to its end\n"
      : ''
  return `apiVersion: apps/v1
kind: Deployment
metadata:
  name: ${text(name)}
spec:
${alone}  replicas: ${replicas}
  selector:
    matchLabels:
      app: ${text(name)}
${indented(under('strategy', strategy), '  ')}${minReady(facts)}  template:
    metadata:
      labels:
        app: ${text(name)}
    spec:
${graceComment(facts, '      ')}      terminationGracePeriodSeconds: ${grace}
${replicas > 1 ? spread(name) : ''}      containers:
        - name: ${text(name)}
          image: ${text(image)}
${indented(container(facts, { ports: 'named' }), '          ')}${indented(volumes(facts), '      ')}`
}

/** A constraint that spreads the pods over nodes. */
function spread(name: string): string {
  return `      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: kubernetes.io/hostname
          whenUnsatisfiable: ScheduleAnyway
          labelSelector: { matchLabels: { app: ${text(name)} } }
`
}

function service(facts: Facts): string {
  const { name, behind, hook, grace, longestRequest } = facts
  const notes: string[] = []
  if (behind === 'aws-alb') {
    const delay = Math.max(presets[behind].settle / 1000, Math.ceil(longestRequest / 1000))
    notes.push(
      'alb.ingress.kubernetes.io/target-type: ip',
      ...(hook === 'control-port' ? [] : ['alb.ingress.kubernetes.io/healthcheck-path: /readyz']),
      `# As long as podrain waits for the load balancer or the longest request takes. The pod has ${grace} s, and the default is 300 s.`,
      `alb.ingress.kubernetes.io/target-group-attributes: deregistration_delay.timeout_seconds=${delay}`,
    )
  }
  if (behind === 'aws-nlb') {
    notes.push(
      'service.beta.kubernetes.io/aws-load-balancer-type: external',
      'service.beta.kubernetes.io/aws-load-balancer-nlb-target-type: ip',
    )
  }
  if (behind === 'gke-neg') {
    notes.push(`cloud.google.com/neg: '{"ingress": true}'`, `cloud.google.com/backend-config: '{"default": "${name}"}'`)
  }
  const annotated = notes.length === 0 ? '' : `  annotations:\n${indented(notes.join('\n'), '    ')}\n`
  return `apiVersion: v1
kind: Service
metadata:
  name: ${text(name)}
${annotated}spec:
${behind === 'aws-nlb' ? '  type: LoadBalancer\n' : ''}  selector:
    app: ${text(name)}
  ports:
    - name: http
      port: 80
      targetPort: http
`
}

function budget({ name }: Facts): string {
  return `apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: ${text(name)}
spec:
  # One pod at a time when nodes are drained, and one that does not work does not hold the node up.
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      app: ${text(name)}
`
}

function backendConfig({ name, longestRequest, grace }: Facts): string {
  return `apiVersion: cloud.google.com/v1
kind: BackendConfig
metadata:
  name: ${text(name)}
spec:
  connectionDraining:
    # By default 0: open connections would be cut as soon as the endpoint is taken out.
    drainingTimeoutSec: ${Math.min(3600, Math.max(grace, Math.ceil(longestRequest / 1000)))}
`
}

/** A patch of a Deployment, without a heading. */
export function patch(facts: Facts): string {
  const { name, grace } = facts
  return `apiVersion: apps/v1
kind: Deployment
metadata:
  name: ${text(name)}
spec:
${indented(under('strategy', strategy), '  ')}${minReady(facts)}  template:
    spec:
${graceComment(facts, '      ')}      terminationGracePeriodSeconds: ${grace}
      containers:
        - name: ${text(name)}
${indented(container(facts, { ports: 'numbers', before: instead }), '          ')}${indented(volumes(facts), '      ')}`
}

export function values(facts: Facts): string {
  const { name, image, replicas, grace, port, behind } = facts
  // An image with a digest is not split, because charts have no common name for a digest.
  const [, repository = image, tag] = /^([^@]*?)(?::([^/:@]+))?$/.exec(image) ?? []
  const slow = behind === 'aws-alb' || behind === 'aws-nlb'
  return `${heading}# The names are those that most charts use; see how yours calls them.
nameOverride: ${text(name)}
replicaCount: ${replicas}
image:
  repository: ${text(repository)}
${tag === undefined ? '' : `  tag: ${JSON.stringify(tag)}\n`}service:
  port: ${port}
${under('strategy', strategy)}${slow ? 'minReadySeconds: 30\n' : ''}${graceComment(facts, '')}terminationGracePeriodSeconds: ${grace}
${container(facts, { ports: 'numbers' })}${volumes(facts)}podDisruptionBudget:
  enabled: true
  maxUnavailable: 1
`
}
