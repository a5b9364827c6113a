import type { RehearsalPlan, Scenario } from '../plan/options.js'
import type { Disruption } from '../timeline/events.js'
import { type Cluster, isReady, type Replica } from './cluster.js'
import { rollingUpdate } from './rolling-update.js'
import { scaleDownStatefulSet, updateStatefulSet } from './stateful-set.js'

/** Something that happens to pods, as calls of a {@link Cluster}. */
export interface ScenarioScript {
  /** The name of the phase in the timeline. */
  readonly phase: Disruption
  /** Resolves when the processes that end have ended, and the pods that replace them are ready. */
  run(cluster: Cluster, plan: RehearsalPlan): Promise<void>
}

/** All scenarios. When one starts, all old pods are ready and under load. */
export const scenarios: Readonly<Record<Scenario, ScenarioScript>> = {
  /** A new version: every pod is replaced, within `maxSurge` and `maxUnavailable`, or as a StatefulSet does it. */
  rollout: {
    phase: 'rolling update',
    run: (cluster, plan) => update(cluster, plan),
  },

  /** The same with one pod: until the clients know the new one, no other pod can answer. */
  'single-replica': {
    phase: 'rolling update',
    run: (cluster, plan) => update(cluster, plan),
  },

  /** The same with a grace period of 1 s, as by `kubectl delete --grace-period=1`. SIGTERM interrupts the hook, and 2 s are left. */
  overrun: {
    phase: 'rolling update',
    run: (cluster, plan) => update(cluster, plan, 1),
  },

  /** Half of the pods, rounded up, are deleted at once; those of a StatefulSet one by one. Nothing replaces them. */
  'scale-down': {
    phase: 'scaling down',
    async run(cluster, { replicas, workload }) {
      if (workload === 'StatefulSet') return scaleDownStatefulSet(cluster, Math.ceil(replicas / 2))
      const leaving = cluster.pods.slice(Math.floor(replicas / 2))
      for (const replica of leaving) cluster.delete(replica)
      await cluster.until(() => leaving.every(isGone))
    },
  },

  /** A liveness probe has failed: one container is restarted in its pod. No endpoint changes unless its readiness probe fails. */
  'liveness-kill': {
    phase: 'liveness kill',
    run: (cluster) => cluster.restart(first(cluster)),
  },

  /** A node with half of the pods, rounded up, shuts down: they get SIGTERM as usual, but no endpoint changes until they have exited. */
  'node-shutdown': {
    phase: 'node shutdown',
    async run(cluster, { replicas }) {
      const onNode = cluster.pods.slice(Math.floor(replicas / 2))
      for (const replica of onNode) cluster.evict(replica, { reason: 'node shutdown' })
      await replaced(cluster, onNode, replicas)
    },
  },

  /** The node runs out of memory: the kubelet evicts one pod with a grace period of 1 s, and no endpoint changes until it has exited. */
  evict: {
    phase: 'eviction',
    async run(cluster, { replicas }) {
      const replica = first(cluster)
      cluster.evict(replica, { reason: 'eviction', graceSeconds: 1 })
      await replaced(cluster, [replica], replicas)
    },
  },

  /** One container dies by SIGKILL. No app can drain then, so this is what the other scenarios are measured against. */
  crash: {
    phase: 'crash',
    run: (cluster) => cluster.crash(first(cluster)),
  },
}

/** Replaces every pod as the controller of the workload does. */
function update(cluster: Cluster, plan: RehearsalPlan, graceSeconds?: number): Promise<void> {
  return (plan.workload === 'StatefulSet' ? updateStatefulSet : rollingUpdate)(cluster, plan, graceSeconds)
}

/** The ReplicaSet creates a new pod for each failed one, as soon as the process of the failed one is gone. */
async function replaced(cluster: Cluster, leaving: readonly Replica[], replicas: number): Promise<void> {
  await cluster.until(() => {
    while (cluster.created.new < leaving.filter(isGone).length) cluster.create()
    return leaving.every(isGone) && cluster.count(isReady) === replicas
  })
}

function first(cluster: Cluster): Replica {
  return cluster.pods[0] as Replica
}

function isGone({ pod }: Replica): boolean {
  return pod.gone.aborted
}
