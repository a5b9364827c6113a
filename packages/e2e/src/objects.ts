import type { IDeployment } from 'kubernetes-models/apps/v1/Deployment'
import type { IJob } from 'kubernetes-models/batch/v1/Job'
import type { IPodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget'
import type { IRole } from 'kubernetes-models/rbac.authorization.k8s.io/v1/Role'
import type { IRoleBinding } from 'kubernetes-models/rbac.authorization.k8s.io/v1/RoleBinding'
import type { IConfigMap } from 'kubernetes-models/v1/ConfigMap'
import type { INamespace } from 'kubernetes-models/v1/Namespace'
import type { IService } from 'kubernetes-models/v1/Service'
import type { IServiceAccount } from 'kubernetes-models/v1/ServiceAccount'
import type { Case, HookKind } from './cases.js'
import type { Manifest } from './schema.js'

export interface Settings {
  readonly namespace: string
  /** Any image with Node 20.19 or newer. */
  readonly image: string
  /** How long the load goes on, which has to outlast what happens. */
  readonly seconds: number
}

export const labels = { app: 'podrain-e2e' } as const
export const graceSeconds = 30
export const replicas = 3
export const socket = '/tmp/podrain.sock'
/** Of the kubelet, which podrain does not see: it is told as much less. */
export const sleepSeconds = 5
/** What the kubelet asks for. */
export const probes = {
  startup: { path: '/alive', periodSeconds: 1, failureThreshold: 60 },
  readiness: { path: '/readyz', periodSeconds: 1, failureThreshold: 1 },
  liveness: { path: '/alive', periodSeconds: 2, failureThreshold: 2 },
} as const

type Lifecycle = NonNullable<
  NonNullable<NonNullable<IDeployment['spec']>['template']['spec']>['containers'][number]['lifecycle']
>

const lifecycles: Readonly<Record<HookKind, Lifecycle | undefined>> = {
  httpGet: { preStop: { httpGet: { path: '/prestop', port: 'http' } } },
  exec: { preStop: { exec: { command: ['node', '/app/podrain-prestop.js', socket] } } },
  sleep: { preStop: { sleep: { seconds: sleepSeconds } } },
  none: undefined,
}

/** So that it also runs where Pod Security is "restricted". */
const securityContext = {
  runAsNonRoot: true,
  runAsUser: 1000,
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  seccompProfile: { type: 'RuntimeDefault' as const },
}

function probe({ path, ...times }: (typeof probes)[keyof typeof probes]): object {
  return { httpGet: { path, port: 'http' }, ...times }
}

/** All that a case needs on a cluster, in the order in which it is made. */
export function objectsOf(each: Case, settings: Settings, bundleOf: (name: string) => string): Manifest[] {
  const { namespace, image, seconds } = settings
  const metadata = (name: string): { name: string; namespace: string } => ({ name, namespace })
  const volumes = (name: string): { name: string; configMap: { name: string } }[] => [{ name, configMap: { name } }]
  const lifecycle = lifecycles[each.hook]
  const space: INamespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels } }
  const code: IConfigMap = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: metadata('app'),
    data: { 'server.js': bundleOf(each.framework), 'podrain-prestop.js': bundleOf('podrain-prestop') },
  }
  const client: IConfigMap = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: metadata('load'),
    data: { 'load.js': bundleOf('load') },
  }
  const account: IServiceAccount = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: metadata('podrain') }
  const role: IRole = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata: metadata('podrain'),
    rules: [
      { apiGroups: [''], resources: ['pods'], verbs: ['watch'] },
      { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list'] },
      { apiGroups: [''], resources: ['services'], verbs: ['get'] },
    ],
  }
  const binding: IRoleBinding = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: metadata('podrain'),
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'podrain' },
    subjects: [{ kind: 'ServiceAccount', name: 'podrain', namespace }],
  }
  const app: IDeployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: metadata('app'),
    spec: {
      replicas,
      selector: { matchLabels: labels },
      strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: {
        metadata: { labels },
        spec: {
          serviceAccountName: 'podrain',
          automountServiceAccountToken: each.following !== 'no',
          terminationGracePeriodSeconds: graceSeconds,
          containers: [
            {
              name: 'app',
              image,
              command: ['node', '/app/server.js'],
              securityContext,
              env: [
                { name: 'PORT', value: '8080' },
                {
                  name: 'TERMINATION_GRACE_PERIOD_SECONDS',
                  value: String(graceSeconds - (each.hook === 'sleep' ? sleepSeconds : 0)),
                },
                { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
                { name: 'POD_NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } },
                { name: 'FOLLOW', value: each.following === 'no' ? 'no' : 'yes' },
                ...(each.hook === 'exec' ? [{ name: 'CONTROL_SOCKET', value: socket }] : []),
              ],
              ports: [{ name: 'http', containerPort: 8080 }],
              startupProbe: probe(probes.startup),
              readinessProbe: probe(probes.readiness),
              livenessProbe: probe(probes.liveness),
              ...(lifecycle ? { lifecycle } : {}),
              volumeMounts: [{ name: 'app', mountPath: '/app' }],
            },
          ],
          volumes: volumes('app'),
        },
      },
    },
  }
  const service: IService = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadata('app'),
    spec: { selector: labels, ports: [{ port: 80, targetPort: 'http' }] },
  }
  const disruption: IPodDisruptionBudget = {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: metadata('app'),
    spec: { maxUnavailable: 1, selector: { matchLabels: labels } },
  }
  const load: IJob = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: metadata('load'),
    spec: {
      backoffLimit: 0,
      template: {
        metadata: { labels: { app: 'podrain-e2e-load' } },
        spec: {
          restartPolicy: 'Never',
          containers: [
            {
              name: 'load',
              image,
              command: ['node', '/load/load.js'],
              securityContext,
              env: [
                { name: 'TARGET', value: 'http://app' },
                { name: 'SECONDS', value: String(seconds) },
                ...(each.happening === 'liveness kill' ? [{ name: 'ONCE', value: '/die' }] : []),
              ],
              volumeMounts: [{ name: 'load', mountPath: '/load' }],
            },
          ],
          volumes: volumes('load'),
        },
      },
    },
  }
  const permissions = each.following === 'allowed' ? [role, binding] : []
  return [space, code, client, account, ...permissions, app, service, disruption, load] as Manifest[]
}
