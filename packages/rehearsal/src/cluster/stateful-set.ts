import type { RehearsalPlan } from '../plan/options.js'
import { type Cluster, isAvailable, type Replica } from './cluster.js'

/**
 * Replaces pods as the StatefulSet controller does: from the highest ordinal down, each only when the ones before it are
 * available. A pod is made anew when the old one is entirely gone, as both have one name. Resolves when all are available.
 * `graceSeconds` is what the pods are deleted with, if not what their own spec says.
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
    // Whoever is missing counts, also one that is missing for another reason.
    let places = maxUnavailable - (replicas - cluster.count(isAvailable))
    // Ordinals begin with 0, and our numbers with 1.
    for (const replica of old) {
      if (replica.state === 'deleted' || replica.number <= partition) continue
      if (places-- <= 0) break
      cluster.delete(replica, graceSeconds)
    }
    return made.size === replicas - partition && cluster.count(isAvailable) === replicas
  })
}

/** Deletes so many pods, from the highest ordinal down, each only when the one before is gone. */
export async function scaleDownStatefulSet(cluster: Cluster, by: number): Promise<void> {
  for (const replica of highestFirst(cluster.pods).slice(0, by)) {
    cluster.delete(replica)
    await cluster.until(() => isGone(replica))
  }
}

function highestFirst(pods: readonly Replica[]): Replica[] {
  return pods.toSorted((a, b) => b.number - a.number)
}

/** Whether nothing is left of a pod that was deleted, not even its name. */
function isGone({ state, pod }: Replica): boolean {
  return state === 'deleted' && pod.gone.aborted
}
