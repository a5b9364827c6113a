import { each, eachPod, listed, type Rule } from './rule.js'

const singleReplica: Rule = {
  id: 'single-replica',
  severity: 'warning',
  severityReason:
    'It matters only when the node is drained or fails, or when the pod crashes. Where the number is only the default it is an info.',
  title: 'One pod behind a Service',
  why: 'A rolling update starts the new pod first, so a deploy loses nothing. But a node drain, an eviction or a crash terminates the only pod. While the pod terminates, kube-proxy routes to it only if its readiness probe succeeds.',
  check: eachPod((pod, report, world) => {
    if (pod.kind === 'StatefulSet' || !pod.isWhole || world.exposureOf(pod) !== 'served') return
    // A second database is not a replica of the first.
    if (world.autoscalersOf(pod).length > 0 || world.isAlone(pod)) return
    const place = pod.resource.get('spec', 'replicas')
    if (pod.replicas !== 1) return
    report(
      place.exists ? place : pod.resource.get('spec'),
      `There is one pod${place.exists ? '' : ' (`replicas` is 1 by default)'}: when its node is drained or fails, the service is down`,
      {
        // Without `replicas` in the file, an autoscaler or a person may scale the workload.
        severity: place.exists ? 'warning' : 'info',
        fix: "replicas: 2. With one pod, podrain’s option `readyzWhileDraining: 'pass'` keeps it reachable until it closes",
      },
    )
  }),
}

const noSpread: Rule = {
  id: 'no-spread',
  severity: 'info',
  severityReason: 'The scheduler prefers to spread the pods of a Service by itself.',
  title: 'Pods that may all be on one node',
  why: 'The scheduler may place all pods on one node, and then the service is down with that node. It prefers to spread the pods of a Service, but does not have to. (One finding stands for all workloads.)',
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
      `Nothing spreads the pods of ${listed(together.map(({ resource }) => resource.label))} over several nodes`,
      {
        fix: 'topologySpreadConstraints: [{ maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway, labelSelector: … }]',
      },
    )
  },
}

const scalerLeavesOne: Rule = {
  id: 'autoscaler-leaves-one',
  severity: 'warning',
  severityReason: 'It matters only at low load, and when that pod is evicted or crashes.',
  title: 'An autoscaler with a minimum of one pod',
  why: 'At low load there is one pod, and its eviction or crash is an outage. `minReplicas` is 1 by default.',
  check: each(['HorizontalPodAutoscaler'], (scaler, report, world) => {
    const least = scaler.get('spec', 'minReplicas')
    const served = world.scaledBy(scaler).some((pod) => world.exposureOf(pod) === 'served')
    if ((least.exists ? least.number : 1) !== 1 || !served) return
    report(
      least.exists ? least : scaler.get('spec'),
      `The minimum is 1 pod${least.exists ? '' : ' (the default)'}: when that pod is evicted, there is none`,
      {
        fix: 'minReplicas: 2',
      },
    )
  }),
}

const scalerLeavesNone: Rule = {
  id: 'autoscaler-leaves-none',
  severity: 'warning',
  severityReason: 'It matters only at low load, and some proxies hold requests back.',
  title: 'An autoscaler with a minimum of no pod, behind a Service',
  why: 'While there is no pod, every request is refused: neither a Service nor KEDA holds requests back until a pod has started. (KEDA’s HTTP add-on does so for requests through its interceptor.) `minReplicaCount` of a ScaledObject is 0 by default.',
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
      `${scaler.label} scales down to 0 pods${at === undefined ? ' (the default)' : ''}: then requests to ${service?.label} are refused`,
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
  severityReason: 'It depends on the load at the time of a deploy.',
  title: 'A number of replicas together with an autoscaler',
  why: 'Every apply sets the number of pods back to this one, and the autoscaler has to raise it again: pods terminate and start without need, most of them at the busiest time.',
  check: eachPod((pod, report, world) => {
    const place = pod.resource.get('spec', 'replicas')
    const [scaler] = world.autoscalersOf(pod)
    if (!place.exists || scaler === undefined) return
    report(
      place,
      `Every apply sets the number of pods back to ${place.value}, and ${scaler.label} has to change it again`,
      {
        fix: 'Remove `replicas`',
      },
    )
  }),
}

export const replicaRules: readonly Rule[] = [
  singleReplica,
  noSpread,
  scalerLeavesOne,
  scalerLeavesNone,
  scalerAndReplicas,
]
