import type { Pod } from '../objects/pod.js'
import { amountOf } from '../shared/amount.js'
import type { Place } from '../text/place.js'
import type { World } from '../world/world.js'
import { each, eachPod, type Rule } from './rule.js'

/** As it is written, or the default. */
function written(place: Place, fallback: string): string {
  return place.exists ? String(place.value) : `${fallback} (the default)`
}

/** The lowest number of pods there is while nothing rolls, if the files say so. */
function podsOf(pod: Pod, world: World): { pods: number; because: string } | undefined {
  const [scaler] = world.autoscalersOf(pod)
  if (scaler !== undefined) {
    const least = scaler.get('spec', scaler.kind === 'ScaledObject' ? 'minReplicaCount' : 'minReplicas').number
    const pods = least ?? (scaler.kind === 'ScaledObject' ? 0 : 1)
    return { pods, because: `${scaler.label} goes down to ${pods}` }
  }
  const { replicas } = pod
  if (replicas === undefined) return undefined
  return {
    pods: replicas,
    because: pod.resource.get('spec', 'replicas').exists ? `replicas ${replicas}` : 'replicas 1 (the default)',
  }
}

const takesLast: Rule = {
  id: 'rollout-takes-last',
  severity: 'error',
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
    const counted = podsOf(pod, world)
    if (!place.exists || counted === undefined || counted.pods < 1) return
    const { pods, because } = counted
    const missing = amountOf(place.value, pods, Math.floor)
    if (missing === undefined || missing < pods) return
    const sum = String(place.value).endsWith('%')
      ? `${place.value} of ${pods}, rounded down, is ${missing}`
      : `${missing} of ${pods}`
    report(place, `All pods may be missing while it rolls: ${sum} (${because})`, {
      // Where nobody says how many, somebody may have scaled it; and what nobody sends to may be away for a moment.
      severity: world.isAsked(pod) && isSaid(pod, world) ? 'error' : 'info',
      fix: 'maxUnavailable: 0, maxSurge: 1',
    })
  }),
}

function isSaid(pod: Pod, world: World): boolean {
  return pod.resource.get('spec', 'replicas').exists || world.autoscalersOf(pod).length > 0
}

const bothZero: Rule = {
  id: 'rollout-both-zero',
  severity: 'error',
  title: 'A rollout that may neither add a pod nor take one',
  why: 'With both at 0 nothing could ever be replaced: the API server refuses it.',
  check: eachPod((pod, report) => {
    if (pod.kind !== 'Deployment' && pod.kind !== 'DaemonSet') return
    const rolling = pod.strategy.get('rollingUpdate')
    const isZero = (place: Place) => place.value === 0 || place.value === '0%'
    const surge = rolling.get('maxSurge')
    const unavailable = rolling.get('maxUnavailable')
    if (!isZero(unavailable) || !(isZero(surge) || (pod.kind === 'DaemonSet' && !surge.exists))) return
    report(unavailable, '`maxUnavailable` and `maxSurge` are both 0: nothing can be replaced', { fix: 'maxSurge: 1' })
  }),
}

const recreate: Rule = {
  id: 'rollout-recreate',
  severity: 'warning',
  title: 'All pods end before new ones begin',
  why: '`Recreate` ends every pod, waits until they are gone, and only then starts new ones. No drain can help: for that time there is no pod that could answer.',
  check: eachPod((pod, report, world) => {
    if (pod.kind !== 'Deployment' || pod.strategy.get('type').text !== 'Recreate') return
    if (world.servicesOf(pod).length === 0) return
    const claimed = pod.claimsVolume
    report(
      pod.strategy.get('type'),
      'Every pod ends before a new one begins, so each deploy is an outage for as long as a pod takes to start',
      {
        // A volume that only one pod may hold leaves no choice.
        severity: claimed ? 'info' : 'warning',
        fix: claimed
          ? 'A volume that several pods may mount (ReadWriteMany), then RollingUpdate'
          : 'type: RollingUpdate, with maxUnavailable: 0 and maxSurge: 1',
      },
    )
  }),
}

const singleReplica: Rule = {
  id: 'single-replica',
  severity: 'warning',
  title: 'One pod behind a Service',
  why: 'A rolling update starts the new pod first, so a deploy loses nothing. But a node drain, an eviction or a crash ends the only pod there is. While it ends, kube-proxy still sends to it if its readiness probe succeeds, and only then.',
  check: eachPod((pod, report, world) => {
    if (pod.kind === 'StatefulSet' || !pod.isWhole || world.exposureOf(pod) !== 'served') return
    // A second database is no replica of the first.
    if (world.autoscalersOf(pod).length > 0 || world.isDatabase(pod) || pod.claimsVolume) return
    const place = pod.resource.get('spec', 'replicas')
    if (pod.replicas !== 1) return
    report(
      place.exists ? place : pod.resource.get('spec'),
      `There is one pod${place.exists ? '' : ' (`replicas` is 1 by default)'}: when its node goes, so does the service`,
      {
        // Somebody may scale it: replicas are often left to an autoscaler or a person.
        severity: place.exists ? 'warning' : 'info',
        fix: "replicas: 2; with one pod, `readyzWhileDraining: 'pass'` in podrain keeps it reachable to its end",
      },
    )
  }),
}

const scalerLeavesOne: Rule = {
  id: 'autoscaler-leaves-one',
  severity: 'warning',
  title: 'An autoscaler that goes down to one pod',
  why: 'In quiet hours there is one pod, and whatever ends it ends the service. `minReplicas` is 1 if nothing is said.',
  check: each(['HorizontalPodAutoscaler'], (scaler, report, world) => {
    const least = scaler.get('spec', 'minReplicas')
    if ((least.number ?? 1) !== 1 || !world.scaledBy(scaler).some((pod) => world.servicesOf(pod).length > 0)) return
    report(
      least.exists ? least : scaler.get('spec'),
      `It goes down to 1 pod${least.exists ? '' : ' (the default)'}: when that one is evicted, there is none`,
      {
        fix: 'minReplicas: 2',
      },
    )
  }),
}

const scalerAndReplicas: Rule = {
  id: 'autoscaler-and-replicas',
  severity: 'info',
  title: 'A number of replicas beside an autoscaler',
  why: 'Every apply sets the number back to this one, and the autoscaler has to raise it again: pods are ended and started for nothing, at the busiest time.',
  check: eachPod((pod, report, world) => {
    const place = pod.resource.get('spec', 'replicas')
    const [scaler] = world.autoscalersOf(pod)
    if (!place.exists || scaler === undefined) return
    report(place, `Every apply sets the number of pods back to ${place.value}, which ${scaler.label} has to undo`, {
      fix: 'Remove `replicas`',
    })
  }),
}

const onDelete: Rule = {
  id: 'rollout-on-delete',
  severity: 'info',
  title: 'Pods that are only replaced when somebody deletes them',
  why: 'With `OnDelete` a deploy changes nothing until pods are deleted, by hand or with their node. So the new version comes at a time nobody chose, and nothing makes one deletion wait for the pod before it.',
  check: eachPod((pod, report) => {
    if (pod.kind !== 'StatefulSet' && pod.kind !== 'DaemonSet') return
    const type = pod.strategy.get('type')
    if (type.text !== 'OnDelete') return
    report(type, 'A deploy replaces no pod: each is replaced when it is deleted', { fix: 'type: RollingUpdate' })
  }),
}

const hostPortSurge: Rule = {
  id: 'rollout-host-port',
  severity: 'warning',
  title: 'A rollout that needs the same port of a node twice',
  why: 'Two pods cannot have the same port of one node. With `maxUnavailable: 0` the new pod has to start before an old one goes, so it needs a node where the port is free: if there is none, the rollout never ends.',
  check: eachPod((pod, report, world) => {
    if (pod.kind !== 'Deployment' || pod.strategy.get('type').text === 'Recreate') return
    const counted = podsOf(pod, world)
    const rolling = pod.strategy.get('rollingUpdate')
    if (counted === undefined) return
    const missing = amountOf(rolling.get('maxUnavailable').value ?? '25%', counted.pods, Math.floor)
    if (missing !== 0) return
    const ports = pod.containers.flatMap((container) => container.ports)
    const port = ports.find((each) => each.get('hostPort').exists)
    // On the host network every port that is listed is one of the node.
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
  title: 'A rollout that does not wait for the load balancer to know the new pods',
  why: 'A pod that is ready counts as available at once (`minReadySeconds: 0`), and the next old one goes. A load balancer outside the cluster has not checked the new one yet: for a while it has neither (708 errors in 70 s in one report). Pod readiness gates solve it; `minReadySeconds` does if it is longer than those checks take.',
  check: eachPod((pod, report, world) => {
    if (pod.kind !== 'Deployment' && pod.kind !== 'Rollout') return
    const { behind, because } = world.balancerOf(pod)
    if (behind !== 'aws-alb' && behind !== 'aws-nlb') return
    if ((pod.resource.get('spec', 'minReadySeconds').number ?? 0) > 0) return
    if (pod.spec.get('readinessGates').items.length > 0) return
    const { namespace } = pod.resource
    const gated = (
      namespace === undefined ? world.kind('Namespace') : world.named('Namespace', namespace, pod.resource)
    ).some((each) => each.get('metadata', 'labels', 'elbv2.k8s.aws/pod-readiness-gate-inject').text === 'enabled')
    if (gated) return
    report(
      pod.resource.get('spec'),
      `A new pod counts as available before ${behind} sends to it (${because}), and the next old one goes`,
      {
        fix: 'Label the namespace `elbv2.k8s.aws/pod-readiness-gate-inject: enabled`, or set minReadySeconds: 30',
      },
    )
  }),
}

const inPlace: Rule = {
  id: 'kruise-in-place',
  severity: 'warning',
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
  title: 'Old pods of a Rollout that end before the load balancer has stopped sending to them',
  why: 'After the switch, Argo keeps the old pods for `scaleDownDelaySeconds` (30 s by default) without traffic: the cheapest drain there is. If that is less than the load balancer needs, they end while it still sends to them. (In a canary, only with `trafficRouting`.)',
  check: eachPod((pod, report, world) => {
    if (pod.kind !== 'Rollout') return
    for (const strategy of ['blueGreen', 'canary']) {
      const place = pod.resource.get('spec', 'strategy', strategy, 'scaleDownDelaySeconds')
      const { settle, behind, because } = world.balancerOf(pod)
      if (place.number === undefined || place.number * 1000 >= settle) continue
      report(
        place,
        `The old pods go after ${place.number} s, but ${behind} needs ${settle / 1000} s${because === undefined ? '' : `: ${because}`}`,
        {
          fix: `scaleDownDelaySeconds: ${Math.max(30, settle / 1000)}`,
        },
      )
    }
  }),
}

const restartPolicy: Rule = {
  id: 'restart-policy',
  severity: 'error',
  title: 'A restart policy that the kind cannot have',
  why: 'Pods of a Deployment, StatefulSet or DaemonSet are restarted always; those of a Job never, or on failure. The API server refuses anything else.',
  check: eachPod((pod, report) => {
    const place = pod.spec.get('restartPolicy')
    if (['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet'].includes(pod.kind)) {
      if (place.text === undefined || place.text === 'Always') return
      report(place, `Pods of a ${pod.kind} are always restarted, not \`${place.text}\`: the API server refuses it`, {
        fix: 'Remove it',
      })
    } else if (pod.isJob && pod.isWhole && place.text !== 'Never' && place.text !== 'OnFailure') {
      report(
        place.exists ? place : pod.spec,
        `A pod of a ${pod.kind} needs \`restartPolicy\` Never or OnFailure: the API server refuses the default`,
        {
          fix: 'restartPolicy: OnFailure',
        },
      )
    }
  }),
}

const jobHook: Rule = {
  id: 'job-hook',
  severity: 'info',
  title: 'A hook in a pod that ends by itself',
  why: 'A preStop hook runs when a pod is deleted or evicted, not when its program has ended. What has to be done at the end of a job belongs in the program itself.',
  check: eachPod((pod, report) => {
    if (!pod.isJob) return
    for (const { hook } of pod.containers) {
      if (hook !== undefined)
        report(
          hook.place,
          'The hook does not run when the job has ended by itself, only when it is deleted or evicted',
          { fix: 'Do in the program what has to be done at its end' },
        )
    }
  }),
}

const jobReplaced: Rule = {
  id: 'cronjob-replaces',
  severity: 'info',
  title: 'A CronJob that ends what still runs',
  why: '`concurrencyPolicy: Replace` deletes a job that still runs when the next is due: its pod gets SIGTERM and its grace period, and nothing more.',
  check: each(['CronJob'], (job, report) => {
    const policy = job.get('spec', 'concurrencyPolicy')
    if (policy.text !== 'Replace') return
    report(policy, 'A job that is still running when the next is due gets SIGTERM', {
      fix: '`Forbid`, or a job that stops cleanly on SIGTERM (podrain: `drain.waitUntil`)',
    })
  }),
}

export const rolloutRules: readonly Rule[] = [
  takesLast,
  bothZero,
  recreate,
  singleReplica,
  scalerLeavesOne,
  scalerAndReplicas,
  onDelete,
  hostPortSurge,
  minReady,
  inPlace,
  argoScaleDown,
  restartPolicy,
  jobHook,
  jobReplaced,
]
