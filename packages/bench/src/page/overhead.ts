import { podrain, twin } from '../overhead/contenders.js'
import type { OverheadData } from '../overhead/data.js'
import type { Race, Slice } from '../overhead/measure.js'
import { load } from '../results.js'
import { type Spread, spread } from '../statistics.js'
import { fixed, origin, picture, type Section, shown, table, whoCounts } from './section.js'

/** A contender on a framework. */
interface Standing {
  readonly framework: string
  readonly name: string
  /** Processor time per request, in microseconds. */
  readonly cpu: Spread
  /** Shares of the figures of the bare server, measured at the same time on the same processor. */
  readonly cpuToBare: Spread
  readonly requestsToBare: Spread
}

const perSecond = ({ requests, seconds }: Slice): number => requests / seconds
const perRequest = ({ requests, cpu }: Slice): number => cpu / requests

export const overhead: Section = (directories, charts) => {
  const result = load<OverheadData>('overhead', directories)
  if (!result) return undefined
  const { races, rounds, starts, seconds, connections, generator, notPinned } = result.data
  const standings = races.flatMap(standingsOf)
  const pinned = notPinned
    ? `Servers and load generators shared the processors (${notPinned}), which makes all figures noisier.`
    : 'Both servers, with their garbage collectors, are pinned to one processor, and the load generators to another.'
  const text = `## A request, over loopback

The same small response from each framework: without a library (“bare”), with podrain, and with other shutdown libraries, set up
as in [peers](peers.md). Each contender is measured beside its own bare server. Both run at the same time on one processor, so noise
of the machine disturbs both alike. “${twin}” is a bare server in the place of the contender, and shows the error of the
measurement. Compare the processor time per request first, because the number of requests also depends on how evenly the kernel
shares the processor.

${picture('overhead-cpu', 'Time of the processor per request, as a share of the bare server’s')}

${picture('overhead-requests', 'Requests per second, as a share of the bare server’s')}

${races
  .map(({ framework }) => {
    const own = standings.filter((one) => one.framework === framework)
    return `### ${framework}\n\n${table(
      ['', 'CPU per request, to bare (95 %)', 'requests/s, to bare (95 %)', 'µs of CPU per request'],
      own.map((one) => [
        one.name.startsWith(podrain) ? `**${one.name}**` : one.name,
        share(one.cpuToBare),
        share(one.requestsToBare),
        shown(one.cpu, 1),
      ]),
    )}`
  })
  .join('\n\n')}

- Each share is the median of ${rounds} pairs. The interval in parentheses holds the true median with 95 % confidence. If an interval
  contains 1, no difference was measured.
${whoCounts}
- Also two processes of the same server differ, in their memory layout and in the code that V8 compiles. So each server is started
  ${starts} times.

How: ${generator} with ${connections} connections and no pipelining, ${fixed(seconds, Number.isInteger(seconds) ? 0 : 1)} s at a time. The contenders
take turns in random order. ${pinned} ${origin(result)}`
  const cpu = charts.shares(
    standings.map(({ framework, name, cpuToBare }) => ({ framework, name, ...cpuToBare })),
    'CPU per request, bare = 1 (less is better)',
  )
  const requests = charts.shares(
    standings.map(({ framework, name, requestsToBare }) => ({ framework, name, ...requestsToBare })),
    'requests per second, bare = 1 (more is better)',
  )
  return { text, pictures: { 'overhead-cpu': cpu, 'overhead-requests': requests } }
}

function standingsOf({ framework, duels }: Race): Standing[] {
  return Object.entries(duels).map(([name, all]) => ({
    framework,
    name,
    cpu: spread(all.map(({ own }) => perRequest(own))),
    cpuToBare: spread(all.map((duel) => perRequest(duel.own) / perRequest(duel.bare))),
    requestsToBare: spread(all.map((duel) => perSecond(duel.own) / perSecond(duel.bare))),
  }))
}

function share({ median, confidence }: Spread): string {
  const between = confidence ? confidence.map((bound) => fixed(bound, 3)).join('–') : 'too few rounds'
  return `${fixed(median, 3)} (${between})`
}
