import { setTimeout as sleep } from 'node:timers/promises'
import { type Cluster, explain, type Trace } from './cluster.js'

/**
 * Removes what runs have left that live no more: their namespaces, and the cordon of their nodes. A run lives if it gives a sign of
 * life between two looks at its namespaces, or has another namespace at the second one. So no clock has to agree with another, and
 * a run that goes on is never touched.
 * @param seconds From the first look to the second; a run gives a sign every 10 s
 * @returns what could not be removed
 * @throws {Error} when the account may not look
 */
export async function sweep(cluster: Cluster, seconds: number, tell: (line: string) => void): Promise<string[]> {
  const before = await cluster.traces()
  if (before.length === 0) return []
  const runs = [...new Set(before.map(({ run }) => run))]
  tell(`An earlier run has left something, or still runs: looking for a sign of life for ${seconds} s`)
  await sleep(seconds * 1000)
  const after = await cluster.traces()
  const left: string[] = []
  for (const run of runs) {
    const traces = after.filter((each) => each.run === run)
    const isAlive = traces.some((trace) => isSignOfLife(trace, before))
    if (isAlive) tell(`Run ${run} is alive, and left alone`)
    else for (const trace of traces) left.push(...(await remove(cluster, trace, tell)))
  }
  return left
}

function isSignOfLife({ kind, name, heartbeat }: Trace, before: readonly Trace[]): boolean {
  return (
    kind === 'Namespace' && before.find((each) => each.kind === kind && each.name === name)?.heartbeat !== heartbeat
  )
}

async function remove(cluster: Cluster, trace: Trace, tell: (line: string) => void): Promise<string[]> {
  const { kind, name, run } = trace
  try {
    await cluster.remove(trace)
    tell(
      kind === 'Node'
        ? `Node ${name} can be used again: run ${run} had cordoned it`
        : `${kind} ${name} of run ${run} is removed`,
    )
    return []
  } catch (error) {
    if ((error as { code?: number }).code === 404) return []
    return [`${kind} ${name} of run ${run} is left as it is: ${explain(error)}`]
  }
}
