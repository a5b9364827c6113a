import type { IDeployment } from 'kubernetes-models/apps/v1/Deployment'
import type { HookKind } from './cases.js'

export const graceSeconds = 30
export const socket = '/tmp/podrain.sock'
/** The preStop sleep. podrain does not know of it, so the grace period that podrain gets is shorter by this time. */
export const sleepSeconds = 5
/** The probes of the kubelet. */
export const probes = {
  startup: { path: '/alive', periodSeconds: 1, failureThreshold: 60 },
  readiness: { path: '/readyz', periodSeconds: 1, failureThreshold: 1 },
  liveness: { path: '/alive', periodSeconds: 2, failureThreshold: 2 },
} as const

export type PodSpec = NonNullable<NonNullable<IDeployment['spec']>['template']['spec']>
type Container = PodSpec['containers'][number]

export const lifecycles: Readonly<Record<HookKind, NonNullable<Container['lifecycle']> | undefined>> = {
  httpGet: { preStop: { httpGet: { path: '/prestop', port: 'http' } } },
  exec: { preStop: { exec: { command: ['node', '/app/podrain-prestop.js', socket] } } },
  sleep: { preStop: { sleep: { seconds: sleepSeconds } } },
  none: undefined,
}

/** Requests and limits are set, because a ResourceQuota may require both. The limits are far above the real use. */
const sizes = {
  small: { requests: { cpu: '50m', memory: '64Mi' }, limits: { cpu: '1', memory: '256Mi' } },
  large: { requests: { cpu: '200m', memory: '128Mi' }, limits: { cpu: '2', memory: '512Mi' } },
} as const

/** The user id of the processes, because images of Node run as root. `null` leaves the user id to the cluster, as OpenShift requires. */
export type User = number | null

/** A pod that complies with the Pod Security Standard `restricted` and with read-only file systems. Only /tmp can be written. */
export function podSpecOf(user: User, size: keyof typeof sizes, code: string, container: Container): PodSpec {
  return {
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    containers: [
      {
        ...container,
        resources: sizes[size],
        securityContext: {
          runAsNonRoot: true,
          ...(user === null ? {} : { runAsUser: user }),
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
          seccompProfile: { type: 'RuntimeDefault' },
        },
        volumeMounts: [
          { name: 'code', mountPath: `/${code}` },
          { name: 'tmp', mountPath: '/tmp' },
        ],
      },
    ],
    volumes: [
      { name: 'code', configMap: { name: code } },
      { name: 'tmp', emptyDir: {} },
    ],
  }
}

export function probe({ path, ...times }: (typeof probes)[keyof typeof probes]): object {
  return { httpGet: { path, port: 'http' }, ...times }
}
