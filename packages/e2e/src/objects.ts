import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { IDeployment } from 'kubernetes-models/apps/v1/Deployment'
import type { IStatefulSet } from 'kubernetes-models/apps/v1/StatefulSet'
import type { IJob } from 'kubernetes-models/batch/v1/Job'
import type { INetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy'
import type { IPodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget'
import type { IRole } from 'kubernetes-models/rbac.authorization.k8s.io/v1/Role'
import type { IRoleBinding } from 'kubernetes-models/rbac.authorization.k8s.io/v1/RoleBinding'
import type { IConfigMap } from 'kubernetes-models/v1/ConfigMap'
import type { INamespace } from 'kubernetes-models/v1/Namespace'
import type { IService } from 'kubernetes-models/v1/Service'
import type { IServiceAccount } from 'kubernetes-models/v1/ServiceAccount'
import { parseAllDocuments } from 'yaml'
import type { Case } from './cases.js'
import {
  graceSeconds,
  lifecycles,
  type PodSpec,
  podSpecOf,
  probe,
  probes,
  sleepSeconds,
  socket,
  type User,
} from './containers.js'
import { heartbeatAnnotation, type Run, runLabel } from './marks.js'
import { proxyOf, proxyPort } from './proxies.js'
import type { Manifest } from './schema.js'

export interface Settings {
  readonly run: Run
  readonly namespace: string
  /** Any image with Node 20.19 or newer. */
  readonly image: string
  /** Any image of nginx with a shell. */
  readonly proxyImage: string
  readonly user: User
  /** How long the load lasts, in seconds. It must last longer than the disruption of the pods. */
  readonly seconds: number
}

export const labels = { app: 'podrain-e2e' } as const

/** A namespace of the run. It enforces the strictest Pod Security Standard, so that a pod that does not comply fails on every cluster. */
export function namespaceOf({ id, host }: Run, name: string): INamespace & Manifest {
  const level = 'restricted'
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: {
      name,
      labels: { ...labels, [runLabel]: id, 'pod-security.kubernetes.io/enforce': level },
      annotations: { [heartbeatAnnotation]: new Date().toISOString(), 'podrain-e2e/host': host },
    },
  }
}

/** All objects of a case, in the order in which they are created. */
export function objectsOf(each: Case, settings: Settings, bundleOf: (name: string) => string): Manifest[] {
  const { run, namespace, image, proxyImage, user, seconds } = settings
  const marks = { [runLabel]: run.id }
  const metadata = (name: string): { name: string; namespace: string; labels: Record<string, string> } => ({
    name,
    namespace,
    labels: marks,
  })
  const code = (name: string, data: Record<string, string>): IConfigMap => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: metadata(name),
    data,
  })
  const service = (name: string, app: string, spec: object = {}): IService => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadata(name),
    spec: {
      selector: { app },
      ports: [{ name: 'http', port: 80, targetPort: 'http' }],
      ipFamilyPolicy: 'PreferDualStack',
      ...spec,
    },
  })
  // In some clusters a new namespace has a NetworkPolicy that denies all traffic. This one allows it again, because policies are additive.
  const traffic: INetworkPolicy = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: metadata('all'),
    spec: { podSelector: {}, policyTypes: ['Ingress', 'Egress'], ingress: [{}], egress: [{}] },
  }
  const account: IServiceAccount = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: metadata('podrain') }
  const role: IRole = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata: metadata('podrain'),
    rules: followingRules(),
  }
  const binding: IRoleBinding = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: metadata('podrain'),
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'podrain' },
    subjects: [{ kind: 'ServiceAccount', name: 'podrain', namespace }],
  }
  const disruption: IPodDisruptionBudget = {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: metadata('app'),
    spec: { maxUnavailable: 1, selector: { matchLabels: labels } },
  }
  const isStatefulSet = each.workload === 'StatefulSet'
  const headless = service('app-headless', labels.app, { clusterIP: 'None' })
  const template = { metadata: { labels: { ...labels, ...marks } }, spec: appOf(each, image, user) }
  const workload = {
    apiVersion: 'apps/v1',
    kind: each.workload,
    metadata: metadata('app'),
    spec: {
      replicas: each.replicas,
      selector: { matchLabels: labels },
      ...(isStatefulSet
        ? { serviceName: 'app-headless', podManagementPolicy: 'Parallel' }
        : { strategy: { rollingUpdate: each.surge } }),
      template,
    },
  } as IDeployment | IStatefulSet
  const load: IJob = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: metadata('load'),
    spec: {
      backoffLimit: 0,
      template: {
        metadata: { labels: { app: 'podrain-e2e-load', ...marks } },
        spec: {
          restartPolicy: 'Never',
          ...podSpecOf(user, 'large', 'load', {
            name: 'load',
            image,
            command: ['node', '/load/load.js'],
            env: [
              { name: 'TARGETS', value: targetsOf(each).join(' ') },
              { name: 'SECONDS', value: String(seconds) },
              ...(each.happening === 'liveness kill' ? [{ name: 'ONCE', value: '/die' }] : []),
            ],
          }),
        },
      },
    },
  }
  const between: object[] = []
  if (each.through !== 'nothing') {
    const [upstream = 'app'] = each.services
    const { files, command } = proxyOf(each.through, upstream, bundleOf)
    const pods = { app: 'podrain-e2e-proxy' }
    const proxy: IDeployment = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: metadata('proxy'),
      spec: {
        replicas: 1,
        selector: { matchLabels: pods },
        template: {
          metadata: { labels: { ...pods, ...marks } },
          spec: podSpecOf(user, 'small', 'proxy', {
            name: 'proxy',
            image: each.through === 'nginx' ? proxyImage : image,
            command: [...command],
            env: [
              { name: 'PORT', value: String(proxyPort) },
              { name: 'UPSTREAM', value: `http://${upstream}` },
            ],
            ports: [{ name: 'http', containerPort: proxyPort }],
            readinessProbe: { tcpSocket: { port: 'http' }, periodSeconds: 1 },
          }),
        },
      },
    }
    between.push(code('proxy', { ...files }), service('proxy', pods.app), proxy)
  }
  return [
    namespaceOf(run, namespace),
    traffic,
    code('app', codeOf(each, bundleOf)),
    code('load', { 'load.js': bundleOf('load') }),
    account,
    ...(each.following === 'allowed' ? [role, binding] : []),
    ...each.services.map((name) => service(name, labels.app)),
    ...(isStatefulSet || each.services.length > 1 ? [headless] : []),
    workload,
    disruption,
    ...between,
    load,
  ] as Manifest[]
}

/** The addresses that clients send to. Not the headless Service, because DNS keeps the address of a pod for longer than a pod can wait. */
function targetsOf({ through, services }: Case): string[] {
  return (through === 'nothing' ? services : ['proxy']).map((name) => `http://${name}`)
}

function codeOf({ app }: Case, bundleOf: (name: string) => string): Record<string, string> {
  const hook = { 'podrain-prestop.js': bundleOf('podrain-prestop') }
  if (app === 'auto') return { ...hook, 'server.js': bundleOf('plain'), 'auto.js': bundleOf('auto') }
  return { ...hook, 'server.js': bundleOf(app) }
}

function appOf({ app, hook, following }: Case, image: string, user: User): PodSpec {
  const lifecycle = lifecycles[hook]
  return {
    ...podSpecOf(user, 'small', 'app', {
      name: 'app',
      image,
      command: ['node', ...(app === 'auto' ? ['--import', '/app/auto.js'] : []), '/app/server.js'],
      env: [
        { name: 'PORT', value: '8080' },
        {
          name: 'TERMINATION_GRACE_PERIOD_SECONDS',
          value: String(graceSeconds - (hook === 'sleep' ? sleepSeconds : 0)),
        },
        { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
        { name: 'POD_NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } },
        { name: 'FOLLOW', value: following === 'no' ? 'no' : 'yes' },
        ...(hook === 'exec' ? [{ name: 'CONTROL_SOCKET', value: socket }] : []),
      ],
      ports: [{ name: 'http', containerPort: 8080 }],
      startupProbe: probe(probes.startup),
      readinessProbe: probe(probes.readiness),
      livenessProbe: probe(probes.liveness),
      ...(lifecycle ? { lifecycle } : {}),
    }),
    serviceAccountName: 'podrain',
    automountServiceAccountToken: following !== 'no',
    terminationGracePeriodSeconds: graceSeconds,
  }
}

/** The rules of the Role in rbac.yaml of @podrain/kubernetes, which users apply. */
export function followingRules(): NonNullable<IRole['rules']> {
  const file = join(require.resolve('@podrain/kubernetes/package.json'), '..', 'rbac.yaml')
  const objects: { kind: string; rules?: IRole['rules'] }[] = parseAllDocuments(readFileSync(file, 'utf8')).map(
    (each) => each.toJS(),
  )
  return objects.find(({ kind }) => kind === 'Role')?.rules ?? []
}
