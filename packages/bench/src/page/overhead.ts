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
  /** Of the processor, in microseconds per request. */
  readonly cpu: Spread
  /** As shares of what the bare server did at the same time, on the same processor. */
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
    ? `Servers and generators shared the processors (${notPinned}), which makes all of this noisier.`
    : 'Both servers have one processor to themselves, their garbage collectors included, and the generators another.'
  const text = `## A request, over loopback

The same small answer from each framework: alone (“bare”), with podrain, and with other shutdown libraries, wired as in
[peers](peers.md). Each is measured beside a bare server of its own: both run at the same time on one processor, so a noisy machine
is as noisy to both. “${twin}” is the bare server in the contender's place, and says how far that can be trusted. Look at the
processor's time per request first: the number of requests also depends on how evenly the kernel shares the processor out.

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

- Each share is the median of ${rounds} pairs; in parentheses is where that median lies with 95 % confidence. An interval that
  holds 1 means: no difference was seen.
${whoCounts}
- Two processes of the same server differ, too, by their luck with memory and compiler: hence ${starts} starts of each.

How: ${generator} with ${connections} connections and no pipelining, ${fixed(seconds, Number.isInteger(seconds) ? 0 : 1)} s at a time. Chance decides
whose turn it is. ${pinned} ${origin(result)}`
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
