import type { RehearsalPlan } from '../plan/options.js'
import { type Cluster, isAvailable } from './cluster.js'

/**
 * Replaces every old pod as the Deployment controller does. Resolves when the last old process is gone and all new pods
 * are available. `graceSeconds` replaces the grace period of the pods' spec.
 */
export async function rollingUpdate(cluster: Cluster, plan: RehearsalPlan, graceSeconds?: number): Promise<void> {
  const { replicas } = plan
  await cluster.until(() => {
    while (step(cluster, plan, graceSeconds)) {}
    return (
      cluster.created.new === replicas &&
      cluster.count(({ old, pod }) => old && !pod.gone.aborted) === 0 &&
      cluster.count((replica) => !replica.old && isAvailable(replica)) === replicas
    )
  })
}

/** Creates and deletes as many pods as `maxSurge` and `maxUnavailable` allow now. True when a pod was deleted: it no longer counts, so another step may do more. */
function step(cluster: Cluster, plan: RehearsalPlan, graceSeconds: number | undefined): boolean {
  const { replicas, maxSurge, maxUnavailable } = plan
  const deleted = cluster.count(({ state }) => state === 'deleted')
  const free = replicas + maxSurge - (cluster.created.old + cluster.created.new - deleted)
  for (let pods = Math.min(free, replicas - cluster.created.new); pods > 0; pods--) cluster.create()

  let hasDeleted = false
  for (const replica of cluster.pods) {
    if (!replica.old || replica.state === 'deleted') continue
    // Deleting an old pod that is not available does not lower the number of available pods.
    const remaining = cluster.count(isAvailable) - (isAvailable(replica) ? 1 : 0)
    if (remaining < replicas - maxUnavailable) continue
    cluster.delete(replica, graceSeconds)
    hasDeleted = true
  }
  return hasDeleted
}
