import type { RehearsalPlan } from '../plan/options.js'
import { type Cluster, isAvailable, type Replica } from './cluster.js'

/**
 * Replaces pods as the StatefulSet controller does: from the highest ordinal down, each only when the ones before it are
 * available. The new pod has the name of the old one, so it is created when the old one is gone. Resolves when all are available.
 * `graceSeconds` replaces the grace period of the pods' spec.
 */
export async function updateStatefulSet(cluster: Cluster, plan: RehearsalPlan, graceSeconds?: number): Promise<void> {
  const { replicas, maxUnavailable, partition } = plan
  const made = new Set<number>()
  await cluster.until(() => {
    const old = highestFirst(cluster.pods.filter((replica) => replica.old))
    for (const replica of old) {
      const { number } = replica
      if (made.has(number) || !isGone(replica)) continue
      made.add(number)
      cluster.create(number)
    }
    // Every pod that is not available counts, also one that this update did not delete.
    let places = maxUnavailable - (replicas - cluster.count(isAvailable))
    // Ordinals begin with 0, `number` with 1: so `number <= partition` is `ordinal < partition`.
    for (const replica of old) {
      if (replica.state === 'deleted' || replica.number <= partition) continue
      if (places-- <= 0) break
      cluster.delete(replica, graceSeconds)
    }
    return made.size === replicas - partition && cluster.count(isAvailable) === replicas
  })
}

/** Deletes `by` pods, from the highest ordinal down, each only when the one before it is gone. */
export async function scaleDownStatefulSet(cluster: Cluster, by: number): Promise<void> {
  for (const replica of highestFirst(cluster.pods).slice(0, by)) {
    cluster.delete(replica)
    await cluster.until(() => isGone(replica))
  }
}

function highestFirst(pods: readonly Replica[]): Replica[] {
  return pods.toSorted((a, b) => b.number - a.number)
}

/** Whether a deleted pod is gone, so that its name is free. */
function isGone({ state, pod }: Replica): boolean {
  return state === 'deleted' && pod.gone.aborted
}
