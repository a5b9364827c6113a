import { podsOf, probes } from '../objects/pod.js'
import type { Resource } from '../objects/resource.js'
import { isOlder } from '../shared/version.js'
import type { Place } from '../text/place.js'
import type { Problem } from './problem.js'

/** A field that older clusters do not know. */
interface Field {
  /** Its name in messages. */
  readonly what: string
  /** The first version of Kubernetes that knows the field. */
  readonly since: string
  /** The first version in which its feature gate is on by default. Before that, the API server drops the field. */
  readonly on: string
  readonly gate: string
  /** What to write for an older cluster. */
  readonly instead: string
  readonly places: (resource: Resource) => readonly Place[]
}

/**
 * The fields that matter for how pods end. Source of the versions: the pages of the feature gates,
 * https://github.com/kubernetes/website/tree/main/content/en/docs/reference/command-line-tools-reference/feature-gates
 */
const fields: readonly Field[] = [
  {
    what: '`sleep` in a hook',
    since: '1.29',
    on: '1.30',
    gate: 'PodLifecycleSleepAction',
    instead: 'Write `exec: { command: [sleep, "5"] }`, if there is a `sleep` in the image',
    places: (resource) => hooksIn(resource).map((hook) => hook.get('sleep')),
  },
  {
    what: '`sleep` of 0 seconds',
    since: '1.32',
    on: '1.33',
    gate: 'PodLifecycleSleepActionAllowZero',
    instead: 'Leave the hook out, or sleep for 1 second',
    places: (resource) =>
      hooksIn(resource)
        .map((hook) => hook.get('sleep', 'seconds'))
        .filter((seconds) => seconds.number === 0),
  },
  {
    what: '`stopSignal`',
    since: '1.33',
    on: '1.33', // Its gate is still off by default; the rule about stop signals says so.
    gate: 'ContainerStopSignals',
    instead: 'Set `STOPSIGNAL` in the image',
    places: (resource) => containersIn(resource).map((container) => container.get('lifecycle', 'stopSignal')),
  },
  {
    what: '`restartPolicy` of an init container, as a native sidecar has it',
    since: '1.28',
    on: '1.29',
    gate: 'SidecarContainers',
    instead: 'Make it one of the `containers`',
    places: (resource) =>
      podsOf(resource).flatMap(({ initContainers }) => initContainers.map(({ place }) => place.get('restartPolicy'))),
  },
  {
    what: '`terminationGracePeriodSeconds` of a probe',
    since: '1.21',
    on: '1.25',
    gate: 'ProbeTerminationGracePeriod',
    instead: 'Leave it out: the grace period of the pod applies',
    places: (resource) => probesIn(resource).map((probe) => probe.get('terminationGracePeriodSeconds')),
  },
  {
    what: '`grpc` in a probe',
    since: '1.23',
    on: '1.24',
    gate: 'GRPCContainerProbe',
    instead: 'Run grpc_health_probe with `exec`',
    places: (resource) => probesIn(resource).map((probe) => probe.get('grpc')),
  },
  {
    what: '`podReplacementPolicy`',
    since: '1.28',
    on: '1.29',
    gate: 'JobPodReplacementPolicy',
    instead: 'Leave it out: a pod that terminates is replaced at once',
    places: ofKind('Job', ['spec', 'podReplacementPolicy'], 'CronJob', [
      'spec',
      'jobTemplate',
      'spec',
      'podReplacementPolicy',
    ]),
  },
  {
    what: '`unhealthyPodEvictionPolicy`',
    since: '1.26',
    on: '1.27',
    gate: 'PDBUnhealthyPodEvictionPolicy',
    instead: 'Leave it out: pods that are not ready count against the budget',
    places: ofKind('PodDisruptionBudget', ['spec', 'unhealthyPodEvictionPolicy']),
  },
  {
    what: '`trafficDistribution`',
    since: '1.30',
    on: '1.31',
    gate: 'ServiceTrafficDistribution',
    instead: 'Write the annotation `service.kubernetes.io/topology-mode: Auto`',
    places: ofKind('Service', ['spec', 'trafficDistribution']),
  },
  {
    what: '`maxSurge` of a DaemonSet',
    since: '1.21',
    on: '1.22',
    gate: 'DaemonSetUpdateSurge',
    instead: 'Leave it out: each node has no pod until the new one is ready',
    places: ofKind('DaemonSet', ['spec', 'updateStrategy', 'rollingUpdate', 'maxSurge']),
  },
  {
    what: '`minReadySeconds` of a StatefulSet',
    since: '1.22',
    on: '1.23',
    gate: 'StatefulSetMinReadySeconds',
    instead: 'Leave it out',
    places: ofKind('StatefulSet', ['spec', 'minReadySeconds']),
  },
]

/** The fields in an object that a cluster of that version does not know yet. */
export function tooNewIn(resource: Resource, kubernetes: string | undefined): Problem[] {
  if (kubernetes === undefined) return []
  return fields
    .filter(({ on }) => isOlder(kubernetes, on))
    .flatMap((field) =>
      field
        .places(resource)
        .filter((place) => place.exists && place.value !== null)
        .map((place) => problemOf(place, field, kubernetes)),
    )
}

function problemOf(place: Place, { what, since, on, gate, instead }: Field, kubernetes: string): Problem {
  const isUnknown = isOlder(kubernetes, since)
  return {
    rule: 'unknown-key',
    place,
    message: isUnknown
      ? `Kubernetes ${kubernetes} has no ${what}: it came with ${since}. The API server refuses it from kubectl, and drops it silently from other clients`
      : `Kubernetes ${kubernetes} drops ${what} unless the feature gate ${gate} is on (by default since ${on})`,
    details: { fix: instead, severity: isUnknown ? 'error' : 'warning' },
  }
}

function containersIn(resource: Resource): Place[] {
  return podsOf(resource).flatMap(({ containers, initContainers }) =>
    [...containers, ...initContainers].map(({ place }) => place),
  )
}

function hooksIn(resource: Resource): Place[] {
  return containersIn(resource).flatMap((container) =>
    ['preStop', 'postStart'].map((name) => container.get('lifecycle', name)),
  )
}

function probesIn(resource: Resource): Place[] {
  return containersIn(resource).flatMap((container) => probes.map((name) => container.get(name)))
}

/** The place of a field in objects of one kind, and perhaps of a second kind. */
function ofKind(
  kind: string,
  way: readonly string[],
  other?: string,
  otherWay: readonly string[] = [],
): Field['places'] {
  return (resource) => {
    if (resource.kind === kind) return [resource.get(...way)]
    return resource.kind === other ? [resource.get(...otherWay)] : []
  }
}
