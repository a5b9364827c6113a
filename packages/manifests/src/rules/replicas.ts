import { each, eachPod, listed, type Rule } from './rule.js'

const singleReplica: Rule = {
  id: 'single-replica',
  severity: 'warning',
  severe: 'Only when its node goes or the pod crashes; where the number is only the default it is an info.',
  title: 'One pod behind a Service',
  why: 'A rolling update starts the new pod first, so a deploy loses nothing. But a node drain, an eviction or a crash ends the only pod there is. While it ends, kube-proxy still sends to it if its readiness probe succeeds, and only then.',
  check: eachPod((pod, report, world) => {
    if (pod.kind === 'StatefulSet' || !pod.isWhole || world.exposureOf(pod) !== 'served') return
    // A second database is not a replica of the first.
    if (world.autoscalersOf(pod).length > 0 || world.isAlone(pod)) return
    const place = pod.resource.get('spec', 'replicas')
    if (pod.replicas !== 1) return
    report(
      place.exists ? place : pod.resource.get('spec'),
      `There is one pod${place.exists ? '' : ' (`replicas` is 1 by default)'}: when its node goes, so does the service`,
      {
        // Without `replicas` in the file, an autoscaler or a person may scale the workload.
        severity: place.exists ? 'warning' : 'info',
        fix: "replicas: 2; with one pod, `readyzWhileDraining: 'pass'` in podrain keeps it reachable to its end",
      },
    )
  }),
}

const noSpread: Rule = {
  id: 'no-spread',
  severity: 'info',
  severe: 'The scheduler spreads pods by itself as well as it can.',
  title: 'Pods that nothing keeps apart',
  why: 'Nothing says that they must not all be on one node, and then its end is the end of the service. The scheduler prefers to spread the pods of a Service, but does not have to. (Told once for all of them.)',
  check: (world, report) => {
    const together = world.pods.filter((pod) => {
      if (!['Deployment', 'StatefulSet', 'Rollout', 'CloneSet'].includes(pod.kind) || !pod.isWhole) return false
      if ((world.leastOf(pod)?.pods ?? 0) < 2 || world.exposureOf(pod) !== 'served') return false
      return (
        pod.spec.get('topologySpreadConstraints').items.length === 0 &&
        !pod.spec.get('affinity', 'podAntiAffinity').exists
      )
    })
    const [first] = together
    if (first === undefined) return
    report(
      first.spec,
      `Nothing keeps the pods of ${listed(together.map(({ resource }) => resource.label))} on several nodes`,
      {
        fix: 'topologySpreadConstraints: [{ maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway, labelSelector: … }]',
      },
    )
  },
}

const scalerLeavesOne: Rule = {
  id: 'autoscaler-leaves-one',
  severity: 'warning',
  severe: 'Only in quiet hours, and when that pod goes.',
  title: 'An autoscaler that goes down to one pod',
  why: 'In quiet hours there is one pod, and whatever ends it ends the service. `minReplicas` is 1 if nothing is said.',
  check: each(['HorizontalPodAutoscaler'], (scaler, report, world) => {
    const least = scaler.get('spec', 'minReplicas')
    const served = world.scaledBy(scaler).some((pod) => world.exposureOf(pod) === 'served')
    if ((least.exists ? least.number : 1) !== 1 || !served) return
    report(
      least.exists ? least : scaler.get('spec'),
      `It goes down to 1 pod${least.exists ? '' : ' (the default)'}: when that one is evicted, there is none`,
      {
        fix: 'minReplicas: 2',
      },
    )
  }),
}

const scalerLeavesNone: Rule = {
  id: 'autoscaler-leaves-none',
  severity: 'warning',
  severe: 'Only in quiet hours, and some proxies hold requests back.',
  title: 'An autoscaler that goes down to no pod behind a Service',
  why: 'While there is no pod, every request is refused: neither a Service nor KEDA holds requests back until one has started. (KEDA’s HTTP add-on does, for what goes through its interceptor.) `minReplicaCount` of a ScaledObject is 0 if nothing is said.',
  check: eachPod((pod, report, world) => {
    const [scaler] = world.autoscalersOf(pod)
    if (scaler === undefined || world.leastOf(pod)?.pods !== 0 || world.exposureOf(pod) !== 'served') return
    // KEDA's HTTP add-on uses such a trigger. Its interceptor holds requests back.
    if (
      scaler.get('spec', 'triggers').items.some((trigger) => trigger.get('type').text?.startsWith('external') === true)
    )
      return
    const [service] = world.servicesOf(pod)
    const names = ['idleReplicaCount', 'minReplicaCount', 'minReplicas']
    const at = names.map((name) => scaler.get('spec', name)).find((place) => place.exists)
    report(
      at ?? scaler.get('spec'),
      `${scaler.label} goes down to 0 pods${at === undefined ? ' (the default)' : ''}: whoever asks ${service?.label} then is refused`,
      {
        fix:
          scaler.kind === 'ScaledObject'
            ? 'minReplicaCount: 1, or 2 for evictions'
            : 'minReplicas: 1, or 2 for evictions',
      },
    )
  }),
}

const scalerAndReplicas: Rule = {
  id: 'autoscaler-and-replicas',
  severity: 'info',
  severe: 'How much it matters depends on the load at the time of a deploy.',
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

export const replicaRules: readonly Rule[] = [
  singleReplica,
  noSpread,
  scalerLeavesOne,
  scalerLeavesNone,
  scalerAndReplicas,
]
