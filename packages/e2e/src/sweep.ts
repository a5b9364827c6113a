import { setTimeout as sleep } from 'node:timers/promises'
import { type Cluster, explain, type Trace } from './cluster.js'

/**
 * Removes the namespaces of dead runs, and uncordons their nodes. Namespaces are listed twice. A run is alive if a heartbeat has
 * changed in between, or if it has a new namespace. So no two clocks need to agree, and the objects of a run that is alive are never
 * removed.
 * @param seconds The time between the two lists. A run changes its heartbeat every 10 s.
 * @returns A line for each object that could not be removed.
 * @throws {Error} if the account may not list namespaces
 */
export async function sweep(cluster: Cluster, seconds: number, tell: (line: string) => void): Promise<string[]> {
  const before = await cluster.traces()
  if (before.length === 0) return []
  const runs = [...new Set(before.map(({ run }) => run))]
  tell(`There are objects of another run: waiting ${seconds} s for a heartbeat of that run`)
  await sleep(seconds * 1000)
  const after = await cluster.traces()
  const left: string[] = []
  for (const run of runs) {
    const traces = after.filter((each) => each.run === run)
    const isAlive = traces.some((trace) => hasHeartbeat(trace, before))
    if (isAlive) tell(`Run ${run} is alive, so its objects stay`)
    else for (const trace of traces) left.push(...(await remove(cluster, trace, tell)))
  }
  return left
}

function hasHeartbeat({ kind, name, heartbeat }: Trace, before: readonly Trace[]): boolean {
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
