import type { Pod } from '../objects/pod.js'
import { amountOf } from '../shared/amount.js'
import type { Place } from '../text/place.js'
import type { World } from '../world/world.js'
import type { Severity } from './finding.js'
import { eachPod, type Rule } from './rule.js'

/** The value as written, or the default. */
function written(place: Place, fallback: string): string {
  return place.exists ? String(place.value) : `${fallback} (the default)`
}

const takesLast: Rule = {
  id: 'rollout-takes-last',
  severity: 'error',
  severityReason:
    'Each rollout may remove all ready pods first. With an autoscaler that happens only at its minimum: a warning. Where the files do not say the number of pods it is an info.',
  title: 'A rollout that may remove the last ready pod',
  why: 'During a rollout `maxUnavailable` pods may be missing. A percentage is of the replicas, and rounded down. If all pods may be missing, Kubernetes may remove every old pod before a new one is ready, however well each of them drains.',
  check: eachPod((pod, report, world) => {
    if (pod.kind !== 'Deployment' && pod.kind !== 'CloneSet' && pod.kind !== 'Rollout') return
    const strategy =
      pod.kind === 'Deployment'
        ? pod.strategy.get('rollingUpdate')
        : pod.kind === 'CloneSet'
          ? pod.strategy
          : pod.resource.get('spec', 'strategy', 'canary')
    const place = strategy.get('maxUnavailable')
    const counted = world.leastOf(pod)
    // If two pods must not run at the same time, the old one has to end first.
    if (world.isAlone(pod)) return
    if (!place.exists || counted === undefined || counted.pods < 1) return
    const { pods, because } = counted
    const missing = amountOf(place.value, pods, Math.floor)
    if (missing === undefined || missing < pods) return
    const sum = String(place.value).endsWith('%')
      ? `${place.value} of ${pods}, rounded down, is ${missing}`
      : `${missing} of ${pods}`
    report(place, `All pods may be missing during a rollout: \`maxUnavailable\` ${sum} (${because})`, {
      severity: severityOf(pod, world),
      fix: 'maxUnavailable: 0, maxSurge: 1',
    })
  }),
}

function severityOf(pod: Pod, world: World): Severity {
  // A pod without requests may be missing for a moment.
  if (!world.isAsked(pod)) return 'info'
  // Such a Service selects no pod, so this pod is only its most likely target.
  if (!pod.isPodrain && world.servicesOf(pod).every((service) => world.meantBy(service) !== undefined)) return 'warning'
  // With an autoscaler, this happens only at its minimum.
  if (world.autoscalersOf(pod).length > 0) return 'warning'
  // Without `replicas` in the file, the workload may have been scaled.
  return pod.resource.get('spec', 'replicas').exists ? 'error' : 'info'
}

const bothZero: Rule = {
  id: 'rollout-both-zero',
  severity: 'error',
  severityReason: 'The API server refuses the object.',
  title: 'A rollout that may neither add a pod nor remove one',
  why: 'With both at 0 Kubernetes could replace no pod: the API server refuses the object.',
  check: eachPod((pod, report) => {
    if (pod.kind !== 'Deployment' && pod.kind !== 'DaemonSet') return
    const rolling = pod.strategy.get('rollingUpdate')
    const isZero = (place: Place) => place.value === 0 || place.value === '0%'
    const surge = rolling.get('maxSurge')
    const unavailable = rolling.get('maxUnavailable')
    // A field that is missing in a patch may be in its base.
    const isDefault = pod.kind === 'DaemonSet' && !surge.exists && pod.isWhole
    if (!isZero(unavailable) || !(isZero(surge) || isDefault)) return
    report(
      unavailable,
      '`maxUnavailable` and `maxSurge` are both 0: no pod can be replaced, and the API server refuses it',
      { fix: 'maxSurge: 1' },
    )
  }),
}

const recreate: Rule = {
  id: 'rollout-recreate',
  severity: 'warning',
  severityReason:
    'Each deploy is an outage. It may be intended: with a volume that only one pod can use, there is no other way.',
  title: 'A rollout that removes all pods before it starts new ones',
  why: '`Recreate` terminates every pod, waits until all are gone, and only then starts new ones. A drain cannot help: until a new pod is ready, no pod can answer.',
  check: eachPod((pod, report, world) => {
    if (pod.kind !== 'Deployment' || pod.strategy.get('type').text !== 'Recreate') return
    // A scraper retries, so a pod that is only scraped loses nothing.
    if (world.exposureOf(pod) === 'none') return
    const alone = world.isAlone(pod)
    report(
      pod.strategy.get('type'),
      'All pods terminate before a new one starts, so each deploy is an outage for as long as a pod takes to start',
      {
        // With a volume for one pod, there is no alternative.
        severity: alone ? 'info' : 'warning',
        fix: alone
          ? 'Nothing, if only one pod may run at a time; else a second pod that takes over, or a volume that several pods may mount'
          : 'type: RollingUpdate, with maxUnavailable: 0 and maxSurge: 1',
      },
    )
  }),
}

const sharesVolume: Rule = {
  id: 'rollout-shares-volume',
  severity: 'warning',
  severityReason: 'It depends on the node of the new pod.',
  title: 'A rollout that runs two pods with a volume for one',
  why: 'A rolling update starts the new pod before the old one has terminated. Only one node can mount a `ReadWriteOnce` volume. On another node the new pod waits for the volume, and the rollout hangs. On the same node both pods write to the volume at the same time, which corrupts a database. `Recreate` terminates the old pod first.',
  check: eachPod((pod, report, world) => {
    if (pod.kind !== 'Deployment' || !pod.isWhole || pod.strategy.get('type').text === 'Recreate') return
    const claims = world.claimsOf(pod)
    const isDatabase = world.isDatabase(pod)
    if (!claims.includes('single') && !(isDatabase && (claims.includes('unknown') || pod.hasOwnDisk))) return
    const surge = pod.strategy.get('rollingUpdate', 'maxSurge')
    if (amountOf(surge.value ?? '25%', pod.replicas ?? 1, Math.ceil) === 0) return
    report(
      surge.exists ? surge : pod.strategy.exists ? pod.strategy : pod.resource.get('spec'),
      `The new pod starts while the old one still uses the volume: \`maxSurge\` is ${written(surge, '25%')}`,
      { fix: 'strategy: { type: Recreate }; or a StatefulSet' },
    )
  }),
}

const onDelete: Rule = {
  id: 'rollout-on-delete',
  severity: 'info',
  severityReason: 'It may be intended.',
  title: 'Pods that are replaced only when they are deleted',
  why: 'With `OnDelete` a deploy changes nothing until pods are deleted, by hand or with their node. So each pod gets the new version at a time that nobody has chosen. And Kubernetes lets no deletion wait until the pod before is replaced.',
  check: eachPod((pod, report, world) => {
    if (pod.kind !== 'StatefulSet' && pod.kind !== 'DaemonSet') return
    const type = pod.strategy.get('type')
    // Pods with data are often replaced one by one, by an operator or a person.
    if (type.text !== 'OnDelete' || world.isAlone(pod)) return
    report(type, 'A deploy replaces no pod: Kubernetes replaces a pod only when it is deleted', {
      fix: 'type: RollingUpdate',
    })
  }),
}

const hostPortSurge: Rule = {
  id: 'rollout-host-port',
  severity: 'warning',
  severityReason: 'It depends on whether the cluster has a node where the port is free.',
  title: 'A rollout that needs the same port of a node twice',
  why: 'Two pods cannot have the same port of one node. With `maxUnavailable: 0` the new pod has to start before an old one terminates, so it needs a node where the port is free. Without such a node the rollout never ends.',
  check: eachPod((pod, report, world) => {
    if (pod.kind !== 'Deployment' || pod.strategy.get('type').text === 'Recreate') return
    const counted = world.leastOf(pod)
    const rolling = pod.strategy.get('rollingUpdate')
    if (counted === undefined || world.isAlone(pod)) return
    const missing = amountOf(rolling.get('maxUnavailable').value ?? '25%', counted.pods, Math.floor)
    if (missing !== 0) return
    const ports = pod.containers.flatMap((container) => container.ports)
    const port = ports.find((each) => each.get('hostPort').exists)
    // On the host network, every listed port is a port of the node.
    if (port === undefined && (!pod.hostNetwork || ports.length === 0)) return
    report(
      port?.get('hostPort') ?? pod.spec.get('hostNetwork'),
      `A new pod has to start before an old one terminates, so it needs a node where the port is free: \`maxUnavailable\` ${written(rolling.get('maxUnavailable'), '25%')} of ${counted.pods} is 0`,
      {
        fix: 'Use a Service instead of the port of the node; or maxUnavailable: 1, or a DaemonSet',
      },
    )
  }),
}

const minReady: Rule = {
  id: 'rollout-outruns-balancer',
  severity: 'info',
  severityReason:
    'It depends on how often the load balancer checks its targets, and readiness gates may be set in other ways.',
  title: 'A rollout that does not wait until the load balancer routes to the new pods',
  why: 'A ready pod counts as available at once (`minReadySeconds: 0`), and the next old pod terminates. A load balancer outside the cluster has not checked the new pod yet: for a while it routes to neither (708 errors in 70 s in one report). Pod readiness gates make the rollout wait. So does `minReadySeconds`, if it is longer than the health checks take. (With `target-type: instance`, the default, the load balancer checks nodes, and this does not happen.)',
  check: eachPod((pod, report, world) => {
    if (pod.kind !== 'Deployment' && pod.kind !== 'Rollout') return
    const slow = world.balancersOf(pod).find(({ name }) => name === 'aws-alb' || name === 'aws-nlb')
    if (slow === undefined || !pod.isWhole || world.isAlone(pod)) return
    if ((pod.resource.get('spec', 'minReadySeconds').number ?? 0) > 0) return
    if (pod.spec.get('readinessGates').items.length > 0) return
    const { namespace } = pod.resource
    const gated = (
      namespace === undefined ? world.kind('Namespace') : world.named('Namespace', namespace, pod.resource)
    ).some((each) => each.get('metadata', 'labels', 'elbv2.k8s.aws/pod-readiness-gate-inject').text === 'enabled')
    if (gated) return
    report(
      pod.resource.get('spec'),
      `A new pod counts as available before ${slow.name} routes to it, and the next old one terminates: ${slow.because}`,
      {
        fix: 'Label the namespace `elbv2.k8s.aws/pod-readiness-gate-inject: enabled`, or set minReadySeconds: 30',
      },
    )
  }),
}

const progressDeadline: Rule = {
  id: 'progress-deadline',
  severity: 'error',
  severityReason:
    'The API server refuses a deadline that is not longer than `minReadySeconds`. A probe that begins as late as the deadline is a warning.',
  title: 'A rollout whose deadline comes before a pod can be available',
  why: 'A Deployment reports failure when no pod becomes available for `progressDeadlineSeconds`, and pipelines then roll back. The deadline has to be longer than `minReadySeconds`, or the API server refuses the object. It also has to be longer than a pod takes to become available.',
  check: eachPod((pod, report) => {
    if (pod.kind !== 'Deployment' && pod.kind !== 'Rollout') return
    const place = pod.resource.get('spec', 'progressDeadlineSeconds')
    const deadline = place.number ?? 600
    const settled = pod.resource.get('spec', 'minReadySeconds')
    const ready = settled.number ?? 0
    if (ready >= deadline) {
      report(
        place.exists ? place : settled,
        `\`progressDeadlineSeconds\` is ${deadline}, and \`minReadySeconds\` is ${ready}: no pod can be available in time`,
        {
          fix: `progressDeadlineSeconds: ${ready + 600}`,
        },
      )
      return
    }
    const delays = pod.containers.map(
      ({ place: container }) => container.get('readinessProbe', 'initialDelaySeconds').number ?? 0,
    )
    const delay = Math.max(0, ...delays)
    if (delay + ready < deadline) return
    report(
      place.exists ? place : settled,
      `A pod is available after ${delay} s (\`initialDelaySeconds\`) + ${ready} s (\`minReadySeconds\`) at the earliest, but \`progressDeadlineSeconds\` is ${deadline}`,
      {
        severity: 'warning',
        fix: `progressDeadlineSeconds: ${delay + ready + 600}`,
      },
    )
  }),
}

const inPlace: Rule = {
  id: 'kruise-in-place',
  severity: 'warning',
  severityReason: 'It depends on how long a hook waits.',
  title: 'An update in place that does not wait for the endpoints',
  why: 'Kruise updates in place by restarting the container in its pod: the hook runs, but the pod is not deleted. Without `gracePeriodSeconds` Kruise restarts the container as soon as the pod is marked not ready, while the load balancer still routes to the pod.',
  check: eachPod((pod, report) => {
    if (pod.kind !== 'CloneSet') return
    const type = pod.strategy.get('type')
    if (type.text !== 'InPlaceOnly' && type.text !== 'InPlaceIfPossible') return
    const grace = pod.strategy.get('inPlaceUpdateStrategy', 'gracePeriodSeconds')
    if ((grace.number ?? 0) > 0) return
    report(
      type,
      'Kruise restarts the container at once, while load balancers still route to the pod: `gracePeriodSeconds` is 0',
      {
        fix: 'inPlaceUpdateStrategy: { gracePeriodSeconds: 5 }, and the readiness gate InPlaceUpdateReady',
      },
    )
  }),
}

const argoScaleDown: Rule = {
  id: 'argo-scale-down',
  severity: 'warning',
  severityReason: 'It depends on how soon the load balancer gets the change of the endpoints.',
  title: 'Old pods of a Rollout that terminate while the load balancer still routes to them',
  why: 'After the switch Argo keeps the old pods for `scaleDownDelaySeconds` (30 s by default). If the load balancer needs longer, the pods terminate while it still routes to them. (In a canary the field applies only with `trafficRouting`.)',
  check: eachPod((pod, report, world) => {
    if (pod.kind !== 'Rollout') return
    for (const strategy of ['blueGreen', 'canary']) {
      const place = pod.resource.get('spec', 'strategy', strategy, 'scaleDownDelaySeconds')
      const { settle, name, because } = world.balancerOf(pod)
      if (place.number === undefined || place.number * 1000 >= settle) continue
      report(
        place,
        `The old pods terminate after ${place.number} s, but ${name} needs ${settle / 1000} s to stop routing to them${because === undefined ? '' : `: ${because}`}`,
        {
          fix: `scaleDownDelaySeconds: ${Math.max(30, settle / 1000)}`,
        },
      )
    }
  }),
}

export const rolloutRules: readonly Rule[] = [
  takesLast,
  bothZero,
  recreate,
  sharesVolume,
  onDelete,
  hostPortSurge,
  minReady,
  progressDeadline,
  inPlace,
  argoScaleDown,
]
