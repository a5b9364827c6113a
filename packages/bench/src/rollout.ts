/**
 * Which requests a rolling update of the same application loses with each shutdown library, for clients of every kind.
 *
 *     pnpm bench:rollout [--requests N] [--ours N] [--only NAME]
 */
import { parseArgs } from 'node:util'
import { writePage } from './page.js'
import { here, keep } from './results.js'
import { contenders } from './rollout/contenders.js'
import { netns, type RolloutResult, rollOver } from './rollout/measure.js'

const { values } = parseArgs({
  options: {
    // At least one rolling update for each contender. podrain gets so many requests that also a rare loss would show.
    requests: { type: 'string', default: '1' },
    ours: { type: 'string', default: '340000' },
    only: { type: 'string' },
  },
})

function line({ name, rollouts, requests, lost, goneAfterMs, exits }: RolloutResult): string {
  const ended = Object.entries(exits).map(([how, count]) => `${count} × ${how}`)
  const gone = `${(goneAfterMs / 1000).toFixed(1)} s`
  return `${name}: ${lost} of ${requests} requests lost in ${rollouts} rolling updates, old pods gone after ${gone}, ${ended.join(', ')}`
}

async function main(): Promise<void> {
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
  const { only } = values
  const chosen = contenders.filter(({ name }) => only === undefined || name.includes(only))
  console.log(`${chosen.length} contenders${netns ? ', each pod with its own network namespace' : ''}`)
  const bench = async (): Promise<readonly RolloutResult[]> => {
    const results: RolloutResult[] = []
    for (const contender of chosen) {
      const enough = Number(contender.name.startsWith('podrain') ? values.ours : values.requests)
      results.push(await rollOver(contender, enough, (result) => console.log(line(result)), stop.signal))
    }
    return results
  }
  if (only !== undefined) {
    await bench()
    return
  }
  const packages = [...new Set(contenders.flatMap((contender) => contender.packages))]
  await keep('rollout', here, packages, bench)
  await writePage(here)
}

void main()
