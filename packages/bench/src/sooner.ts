/**
 * How much sooner a pod exits with `@podrain/kubernetes`, which reads in the EndpointSlices that load balancers have stopped sending.
 * Two replacements of a pod run under load at the same time, one with the package and one without.
 *
 *     node sooner.js [--pairs 10] [--results <directory>]
 */
import { options } from './options.js'
import { keep } from './results.js'
import { type Replacement, replace } from './sooner/replacement.js'
import { spread } from './statistics.js'

async function main(): Promise<void> {
  const { pairs, ...directories } = options({ pairs: 10 })
  await keep(
    'sooner',
    directories,
    ['@podrain/core', '@podrain/kubernetes'],
    async (): Promise<{ runs: Replacement[] }> => {
      const runs: Replacement[] = []
      for (let pair = 0; pair < pairs; pair++) {
        const both = await Promise.all([replace(false), replace(true)])
        const [without, followed] = both
        console.log(
          `gone after ${without.gone.toFixed(1)} s without the package, ${followed.gone.toFixed(1)} s with it`,
        )
        runs.push(...both)
      }
      for (const followed of [false, true]) {
        const { median, low, high } = spread(runs.filter((run) => run.followed === followed).map(({ gone }) => gone))
        const name = followed ? 'with' : 'without'
        console.log(`${name}: ${median.toFixed(1)} s, half of them from ${low.toFixed(1)} to ${high.toFixed(1)} s`)
      }
      const sum = (of: 'requests' | 'lost'): number => runs.reduce((all, run) => all + run[of], 0)
      console.log(`${sum('lost')} of ${sum('requests')} requests lost`)
      return { runs }
    },
  )
}

void main()
