import type { Case } from './cases.js'
import { type Cluster, explain, type Result } from './cluster.js'
import { objectsOf, type Settings } from './objects.js'

const replicas = 3

/** The line that a pod without permission writes. */
const missing = 'not allowed to list, watch'

/**
 * Runs a case in a namespace of its own, which goes with it.
 * @param tell Called with what is left behind
 * @throws {Error} that says what was not as it has to be, and of what Kubernetes has warned
 */
export async function run(
  cluster: Cluster,
  each: Case,
  settings: Settings,
  bundleOf: (name: string) => string,
  tell: (line: string) => void,
): Promise<Result> {
  const { namespace, seconds } = settings
  const objects = objectsOf(each, settings, bundleOf)
  const load = objects.filter(({ kind }) => kind === 'Job')
  try {
    for (const object of objects) if (object.kind !== 'Job') await cluster.create(object)
    await cluster.rolledOut(namespace, replicas, 180)
    if (each.following === 'denied') {
      await cluster.until('the line about missing permission', 60, async () =>
        (await cluster.logs(namespace)).includes(missing),
      )
    }
    for (const object of load) await cluster.create(object)
    await cluster.loading(namespace)
    await happen(cluster, each, namespace)
    if (await cluster.loaded(namespace)) {
      throw new Error(`the load of ${seconds} s was over before it had happened: try a longer --seconds`)
    }
    const result = await cluster.result(namespace, seconds + 60)
    await cluster.rolledOut(namespace, replicas, 180)
    expectNothingLost(result, await cluster.failedHooks(namespace))
    return result
  } catch (error) {
    const warnings = await cluster.warnings(namespace).catch(() => [])
    throw new Error([explain(error), ...warnings].join('\n        '))
  } finally {
    for (const left of await cluster.restore()) tell(left)
  }
}

async function happen(cluster: Cluster, { happening }: Case, namespace: string): Promise<void> {
  switch (happening) {
    case 'rolling update':
      await cluster.update(namespace)
      return cluster.rolledOut(namespace, replicas, 180)
    case 'rollout restart':
      await cluster.restart(namespace)
      return cluster.rolledOut(namespace, replicas, 180)
    case 'node drain':
      return cluster.drainNode(namespace)
    case 'deletion with a short grace period':
      return cluster.deletePod(namespace, 12)
    case 'liveness kill':
      return cluster.containerRestarted(namespace, 180)
  }
}

export function expectNothingLost({ answered, lost, pods }: Result, failedHooks: readonly string[]): void {
  const losses = Object.entries(lost).map(([why, count]) => `${count} × ${why}`)
  if (losses.length > 0) throw new Error(`lost ${losses.join(', ')} of ${answered}`)
  if (answered === 0) throw new Error('nothing was asked for')
  if (pods < 2) throw new Error(`all was answered by ${pods} pod: nothing happened under load`)
  if (failedHooks.length > 0) throw new Error(`hooks failed: ${failedHooks.join('; ')}`)
}
