import type { Rehearsal } from '@podrain/rehearsal'
import type { Case } from './cases.js'
import { type Cluster, explain } from './cluster.js'
import { objectsOf, type Settings } from './objects.js'
import { resultOf } from './result.js'
import { PodWatch } from './watch.js'

/** Part of the log line of a pod without permission. */
const missing = 'not allowed to'

/**
 * Runs a case in its own namespace, and deletes the namespace afterwards.
 * @param tell Called with a line for each change that could not be undone.
 * @param keep Called with the result, also if requests were lost.
 * @throws {Error} if the case failed, with the reason and with warnings of Kubernetes
 */
export async function run(
  cluster: Cluster,
  each: Case,
  settings: Settings,
  bundleOf: (name: string) => string,
  tell: (line: string) => void,
  keep: (result: Rehearsal) => void = () => {},
): Promise<Rehearsal> {
  const { namespace, seconds } = settings
  const objects = objectsOf(each, settings, bundleOf)
  const load = objects.filter(({ kind }) => kind === 'Job')
  const watch = new PodWatch()
  let stopWatching = (): void => {}
  try {
    for (const object of objects) if (object.kind !== 'Job') await cluster.create(object)
    await cluster.rolledOut(namespace, each, 180)
    if (each.through !== 'nothing') await cluster.proxied(namespace, 180)
    if (each.following === 'denied') {
      await cluster.until('the line about missing permission', 60, async () =>
        (await cluster.logs(namespace)).includes(missing),
      )
    }
    stopWatching = await cluster.watch(namespace, watch.tell)
    for (const object of load) await cluster.create(object)
    await cluster.loading(namespace)
    const begunAt = Date.now()
    watch.begun = true
    await happen(cluster, each, namespace)
    const overAt = Date.now()
    if (await cluster.loaded(namespace)) {
      throw new Error(`the load of ${seconds} s ended before the ${each.happening} did: pass a longer --seconds`)
    }
    const report = await cluster.report(namespace, seconds + 60)
    await cluster.rolledOut(namespace, each, 180)
    const hooks = await cluster.failedHooks(namespace)
    const pods = [...watch.events, ...hooks.map((hook) => ({ ...hook, type: 'hook-failed' as const }))]
    const result = resultOf(each, { cluster: await cluster.version(), report, pods, begunAt, overAt })
    keep(result)
    expectNothingLost(result)
    expectReadable(watch.messages)
    return result
  } catch (error) {
    const warnings = await cluster.warnings(namespace).catch(() => [])
    throw new Error([explain(error), ...warnings].join('\n        '))
  } finally {
    stopWatching()
    for (const left of await cluster.restore()) tell(left)
  }
}

async function happen(cluster: Cluster, each: Case, namespace: string): Promise<void> {
  switch (each.happening) {
    case 'rolling update':
      await cluster.update(namespace, each)
      return cluster.rolledOut(namespace, each, 300)
    case 'rollout restart':
      await cluster.restart(namespace, each)
      return cluster.rolledOut(namespace, each, 300)
    case 'node drain':
      return cluster.drainNode(namespace)
    case 'deletion with a short grace period':
      return cluster.deletePod(namespace, 12)
    case 'liveness kill':
      return cluster.containerRestarted(namespace, 180)
  }
}

export function expectNothingLost(result: Rehearsal): void {
  const { summary, events } = result
  const { lost, lostByCause, requests, background } = summary
  const losses = Object.entries(lostByCause).map(([why, count]) => `${count} × ${why}`)
  if (lost > 0) throw new Error(`lost ${losses.join(', ')} of ${requests}`)
  if (background > 0)
    throw new Error(`lost ${background} of ${requests} before the pods were disrupted, or in the same way later`)
  if (summary.verdict === 'inconclusive') throw new Error(summary.warnings.join(' '))
  if (requests === 0) throw new Error('the clients sent no requests')
  const pods = answeringPods(result)
  if (pods < 2) throw new Error(`${pods} pod answered all requests: no pod was replaced under load`)
  const hooks = events.flatMap((event) => (event.type === 'hook-failed' ? [event.message] : []))
  if (hooks.length > 0) throw new Error(`hooks failed: ${hooks.join('; ')}`)
}

/** Termination messages are read by people and by programs, so each must be JSON in one line. */
function expectReadable(messages: readonly string[]): void {
  for (const message of messages) {
    try {
      if (!message.trimEnd().includes('\n') && typeof JSON.parse(message) === 'object') continue
    } catch {
      // The message is not JSON.
    }
    throw new Error(`a container has left a termination message that is not JSON in one line: ${message}`)
  }
}

/** The number of pods that have answered requests. */
export function answeringPods({ samples }: Rehearsal): number {
  return new Set(samples.flatMap(({ answered }) => Object.keys(answered))).size
}
