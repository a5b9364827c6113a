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
  severe:
    'Each rollout begins with no ready pod. With an autoscaler only at its minimum: a warning; where nobody says how many there are: an info.',
  title: 'A rollout that may take the last ready pod',
  why: 'During a rollout `maxUnavailable` pods may be missing (a percentage is of the replicas, and rounded down). Where that is all of them, every old pod may go before a new one is ready, however well each of them drains.',
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
    report(place, `All pods may be missing while it rolls: ${sum} (${because})`, {
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
  severe: 'Refused.',
  title: 'A rollout that may neither add a pod nor take one',
  why: 'With both at 0 nothing could ever be replaced: the API server refuses it.',
  check: eachPod((pod, report) => {
    if (pod.kind !== 'Deployment' && pod.kind !== 'DaemonSet') return
    const rolling = pod.strategy.get('rollingUpdate')
    const isZero = (place: Place) => place.value === 0 || place.value === '0%'
    const surge = rolling.get('maxSurge')
    const unavailable = rolling.get('maxUnavailable')
    // A field that is missing in a patch may be in its base.
    const isDefault = pod.kind === 'DaemonSet' && !surge.exists && pod.isWhole
    if (!isZero(unavailable) || !(isZero(surge) || isDefault)) return
    report(unavailable, '`maxUnavailable` and `maxSurge` are both 0: nothing can be replaced', { fix: 'maxSurge: 1' })
  }),
}

const recreate: Rule = {
  id: 'rollout-recreate',
  severity: 'warning',
  severe: 'An outage at each deploy, but a choice: with a volume for one pod there is no other.',
  title: 'All pods end before new ones begin',
  why: '`Recreate` ends every pod, waits until they are gone, and only then starts new ones. No drain can help: for that time there is no pod that could answer.',
  check: eachPod((pod, report, world) => {
    if (pod.kind !== 'Deployment' || pod.strategy.get('type').text !== 'Recreate') return
    // A scraper retries, so a pod that is only scraped loses nothing.
    if (world.exposureOf(pod) === 'none') return
    const alone = world.isAlone(pod)
    report(
      pod.strategy.get('type'),
      'Every pod ends before a new one begins, so each deploy is an outage for as long as a pod takes to start',
      {
        // With a volume for one pod, there is no alternative.
        severity: alone ? 'info' : 'warning',
        fix: alone
          ? 'Nothing, if only one may run at a time; else a second one that takes over, or a volume that several may mount'
          : 'type: RollingUpdate, with maxUnavailable: 0 and maxSurge: 1',
      },
    )
  }),
}

const sharesVolume: Rule = {
  id: 'rollout-shares-volume',
  severity: 'warning',
  severe: 'It depends on the node that the new pod comes to.',
  title: 'A rollout that runs two pods with a volume for one',
  why: 'A rolling update starts the new pod before the old one has ended. A `ReadWriteOnce` volume is for one node: on another one the new pod waits for it, and the rollout hangs; on the same node both write to it at once, which no database survives. `Recreate` ends the old pod first.',
  check: eachPod((pod, report, world) => {
    if (pod.kind !== 'Deployment' || !pod.isWhole || pod.strategy.get('type').text === 'Recreate') return
    const claims = world.claimsOf(pod)
    const isDatabase = world.isDatabase(pod)
    if (!claims.includes('single') && !(isDatabase && (claims.includes('unknown') || pod.hasOwnDisk))) return
    const surge = pod.strategy.get('rollingUpdate', 'maxSurge')
    if (amountOf(surge.value ?? '25%', pod.replicas ?? 1, Math.ceil) === 0) return
    report(
      surge.exists ? surge : pod.strategy.exists ? pod.strategy : pod.resource.get('spec'),
      `The new pod starts while the old one still has the volume (\`maxSurge\` is ${written(surge, '25%')})`,
      { fix: 'strategy: { type: Recreate }; or a StatefulSet' },
    )
  }),
}

const onDelete: Rule = {
  id: 'rollout-on-delete',
  severity: 'info',
  severe: 'It may be what is wanted.',
  title: 'Pods that are only replaced when somebody deletes them',
  why: 'With `OnDelete` a deploy changes nothing until pods are deleted, by hand or with their node. So the new version comes at a time nobody chose, and nothing makes one deletion wait for the pod before it.',
  check: eachPod((pod, report, world) => {
    if (pod.kind !== 'StatefulSet' && pod.kind !== 'DaemonSet') return
    const type = pod.strategy.get('type')
    // Pods with data are often replaced one by one, by an operator or a person.
    if (type.text !== 'OnDelete' || world.isAlone(pod)) return
    report(type, 'A deploy replaces no pod: each is replaced when it is deleted', { fix: 'type: RollingUpdate' })
  }),
}

const hostPortSurge: Rule = {
  id: 'rollout-host-port',
  severity: 'warning',
  severe: 'It depends on whether a node is free.',
  title: 'A rollout that needs the same port of a node twice',
  why: 'Two pods cannot have the same port of one node. With `maxUnavailable: 0` the new pod has to start before an old one goes, so it needs a node where the port is free: if there is none, the rollout never ends.',
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
      `A new pod needs a node where the port is free before an old one goes: \`maxUnavailable\` ${written(rolling.get('maxUnavailable'), '25%')} of ${counted.pods} is 0`,
      {
        fix: 'A Service instead of the node’s port; or maxUnavailable: 1, or a DaemonSet',
      },
    )
  }),
}

const minReady: Rule = {
  id: 'rollout-outruns-balancer',
  severity: 'info',
  severe: 'It depends on how fast the load balancer checks, and readiness gates may be set by other means.',
  title: 'A rollout that does not wait for the load balancer to know the new pods',
  why: 'A pod that is ready counts as available at once (`minReadySeconds: 0`), and the next old one goes. A load balancer outside the cluster has not checked the new one yet: for a while it has neither (708 errors in 70 s in one report). Pod readiness gates solve it; `minReadySeconds` does if it is longer than those checks take. (With `target-type: instance`, the default, the load balancer checks nodes, and this does not happen.)',
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
      `A new pod counts as available before ${slow.name} sends to it (${slow.because}), and the next old one goes`,
      {
        fix: 'Label the namespace `elbv2.k8s.aws/pod-readiness-gate-inject: enabled`, or set minReadySeconds: 30',
      },
    )
  }),
}

const progressDeadline: Rule = {
  id: 'progress-deadline',
  severity: 'error',
  severe: '`minReadySeconds` that are as long are refused. A delay that is as long is a warning.',
  title: 'A rollout that is given up before a pod can be available',
  why: 'A Deployment reports failure when no pod becomes available for `progressDeadlineSeconds`, and pipelines then roll back. It has to be longer than `minReadySeconds` (or the API server refuses it), and longer than a pod takes to become ready and stay so.',
  check: eachPod((pod, report) => {
    if (pod.kind !== 'Deployment' && pod.kind !== 'Rollout') return
    const place = pod.resource.get('spec', 'progressDeadlineSeconds')
    const deadline = place.number ?? 600
    const settled = pod.resource.get('spec', 'minReadySeconds')
    const ready = settled.number ?? 0
    if (ready >= deadline) {
      report(
        place.exists ? place : settled,
        `\`progressDeadlineSeconds\` is ${deadline}, and \`minReadySeconds\` ${ready}: no pod can be available in time`,
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
      `A pod is available after ${delay} s (\`initialDelaySeconds\`) + ${ready} s (\`minReadySeconds\`) at the earliest, and given up after ${deadline} s`,
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
  severe: 'It depends on what a hook waits.',
  title: 'An update in place that does not wait for the endpoints',
  why: 'Kruise updates in place by restarting the container in its pod: the hook runs, but the pod is not deleted. Without `gracePeriodSeconds` the container is restarted as soon as the pod is marked not ready, before the load balancer knows of it.',
  check: eachPod((pod, report) => {
    if (pod.kind !== 'CloneSet') return
    const type = pod.strategy.get('type')
    if (type.text !== 'InPlaceOnly' && type.text !== 'InPlaceIfPossible') return
    const grace = pod.strategy.get('inPlaceUpdateStrategy', 'gracePeriodSeconds')
    if ((grace.number ?? 0) > 0) return
    report(
      type,
      'The container is restarted in its pod at once, while the endpoints still have it: `gracePeriodSeconds` is 0',
      {
        fix: 'inPlaceUpdateStrategy: { gracePeriodSeconds: 5 }, and the readiness gate InPlaceUpdateReady',
      },
    )
  }),
}

const argoScaleDown: Rule = {
  id: 'argo-scale-down',
  severity: 'warning',
  severe: 'It depends on how fast the load balancer learns.',
  title: 'Old pods of a Rollout that end before the load balancer has stopped sending to them',
  why: 'After the switch, Argo keeps the old pods for `scaleDownDelaySeconds` (30 s by default) without traffic: the cheapest drain there is. If that is less than the load balancer needs, they end while it still sends to them. (In a canary, only with `trafficRouting`.)',
  check: eachPod((pod, report, world) => {
    if (pod.kind !== 'Rollout') return
    for (const strategy of ['blueGreen', 'canary']) {
      const place = pod.resource.get('spec', 'strategy', strategy, 'scaleDownDelaySeconds')
      const { settle, name, because } = world.balancerOf(pod)
      if (place.number === undefined || place.number * 1000 >= settle) continue
      report(
        place,
        `The old pods go after ${place.number} s, but ${name} needs ${settle / 1000} s${because === undefined ? '' : `: ${because}`}`,
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
