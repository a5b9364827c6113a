import type { RehearsalPlan, Scenario } from '../plan/options.js'
import type { Disruption } from '../timeline/events.js'
import { type Cluster, isReady, type Replica } from './cluster.js'
import { rollingUpdate } from './rolling-update.js'
import { scaleDownStatefulSet, updateStatefulSet } from './stateful-set.js'

/** Something that happens to pods, written in what can be done to a {@link Cluster}. */
export interface ScenarioScript {
  /** What the rehearsal calls it while it happens. */
  readonly phase: Disruption
  /** Resolves when it is over: no process of it is left, and the pods that replace others are ready. */
  run(cluster: Cluster, plan: RehearsalPlan): Promise<void>
}

/** Every scenario. When one starts, all old pods are ready and under load. */
export const scenarios: Readonly<Record<Scenario, ScenarioScript>> = {
  /** A new version: every pod is replaced, within `maxSurge` and `maxUnavailable`, or as a StatefulSet does it. */
  rollout: {
    phase: 'rolling update',
    run: (cluster, plan) => update(cluster, plan),
  },

  /** The same with one pod, which nobody can stand in for while the new one is not known. */
  'single-replica': {
    phase: 'rolling update',
    run: (cluster, plan) => update(cluster, plan),
  },

  /** The same with a grace period of 1 s, as `kubectl delete --grace-period=1`: SIGTERM interrupts the hook, 2 s are left. */
  overrun: {
    phase: 'rolling update',
    run: (cluster, plan) => update(cluster, plan, 1),
  },

  /** Half of the pods, or one more, are deleted at once, or one by one of a StatefulSet; nothing replaces them. */
  'scale-down': {
    phase: 'scaling down',
    async run(cluster, { replicas, workload }) {
      if (workload === 'StatefulSet') return scaleDownStatefulSet(cluster, Math.ceil(replicas / 2))
      const leaving = cluster.pods.slice(Math.floor(replicas / 2))
      for (const replica of leaving) cluster.delete(replica)
      await cluster.until(() => leaving.every(isGone))
    },
  },

  /** A liveness probe has failed: one container is restarted in its pod. Only its own /readyz can say that it goes. */
  'liveness-kill': {
    phase: 'liveness kill',
    run: (cluster) => cluster.restart(first(cluster)),
  },

  /** A node with half of the pods, or one more, shuts down: SIGTERM as ever, but no endpoint changes until they are dead. */
  'node-shutdown': {
    phase: 'node shutdown',
    async run(cluster, { replicas }) {
      const there = cluster.pods.slice(Math.floor(replicas / 2))
      for (const replica of there) cluster.evict(replica, { reason: 'node shutdown' })
      await replaced(cluster, there, replicas)
    },
  },

  /** The node runs out of memory: the kubelet evicts one pod with 1 s of grace, and again no endpoint changes in time. */
  evict: {
    phase: 'eviction',
    async run(cluster, { replicas }) {
      const replica = first(cluster)
      cluster.evict(replica, { reason: 'eviction', graceSeconds: 1 })
      await replaced(cluster, [replica], replicas)
    },
  },

  /** One container dies by SIGKILL. Nothing in an app helps against it: this is what the others are measured by. */
  crash: {
    phase: 'crash',
    run: (cluster) => cluster.crash(first(cluster)),
  },
}

/** Replaces every pod in the manner of who owns them. */
function update(cluster: Cluster, plan: RehearsalPlan, graceSeconds?: number): Promise<void> {
  return (plan.workload === 'StatefulSet' ? updateStatefulSet : rollingUpdate)(cluster, plan, graceSeconds)
}

/** The ReplicaSet creates another pod for each that has failed, which is when its process is gone. */
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
