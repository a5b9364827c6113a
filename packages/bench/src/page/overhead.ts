import { bare, podrain, twin } from '../overhead/contenders.js'
import type { Duel, Race, Slice } from '../overhead/measure.js'
import type { OverheadData } from '../overhead.js'
import { load } from '../results.js'
import { type Spread, spread } from '../statistics.js'
import { fixed, origin, picture, type Section, shown, table } from './section.js'

/** A contender on a framework. */
export interface Standing {
  readonly framework: string
  readonly name: string
  /** Per second, and of the processor in microseconds per request. */
  readonly requests: Spread
  readonly cpu: Spread
  /** As a share of the bare server's in the same round, alone. */
  readonly requestsToBare: Spread
  /** As a share of the bare server's at the same time, on the same processor. */
  readonly cpuToBare: Spread
}

const perSecond = ({ requests, seconds }: Slice): number => requests / seconds
const perRequest = ({ requests, cpu }: Slice): number => cpu / requests

export const overhead: Section = (directories, charts) => {
  const result = load<OverheadData>('overhead', directories)
  if (!result) return undefined
  const { races, rounds, starts, seconds, connections, generator, notPinned } = result.data
  const standings = races.flatMap(standingsOf)
  const pinned = notPinned
    ? `Server and generator shared the processors (${notPinned}), which makes all of this noisier.`
    : 'The server has one processor to itself, its garbage collector included, and the generator another.'
  const text = `## A request, over loopback

The same small answer from each framework: alone (“bare”), with podrain, and with other shutdown libraries, wired as in
[peers](peers.md). Look at the processor's time per request, beside the bare server, first: both run at the same time on one
processor, so a noisy machine is as noisy to both. “${twin}” is the same server once more, and says how far that can be trusted.
Requests per second of each alone say the same, as the server is what limits them, with several times the noise.

${picture('overhead-cpu', 'Time of the processor per request, as a share of the bare server’s')}

${picture('overhead-requests', 'Requests per second, as a share of the bare server’s')}

${races
  .map(({ framework }) => {
    const own = standings.filter((one) => one.framework === framework)
    return `### ${framework}\n\n${table(
      [
        '',
        'CPU per request, beside bare (95 %)',
        'requests/s, alone',
        'to bare (95 %)',
        'µs of CPU per request, alone',
      ],
      own.map((one) => [
        one.name === podrain ? `**${podrain}**` : one.name,
        one.name === bare ? '1' : share(one.cpuToBare),
        shown(one.requests),
        one.name === bare ? '1' : share(one.requestsToBare),
        shown(one.cpu, 1),
      ]),
    )}`
  })
  .join('\n\n')}

- Each share is the median of ${rounds} rounds; in parentheses is where that median lies with 95 % confidence. An interval that
  holds 1 means: no difference was seen.
- Who counts what is in flight: podrain, stoppable, @godaddy/terminus (with stoppable), http-graceful-shutdown, and lightship
  as it is wired here. The others keep a list of connections at most, and pay for that when one opens.
- “a counter by hand” is a number and one listener for \`close\`: the least that counting can cost, and nothing that a drain
  could work with.
- Fastify: every row but “bare, no plugin” has an empty plugin, as the first one that an application registers, whatever it does,
  makes each request dearer on Node 20 (V8 runs \`process.nextTick\` slower afterwards).
- Two processes of the same server differ, too, by their luck with memory and compiler: hence ${starts} starts of each.

How: ${generator} with ${connections} connections and no pipelining, ${fixed(seconds, Number.isInteger(seconds) ? 0 : 1)} s at a time. All servers of a
framework run, and chance decides who is asked next, alone and then beside the bare server. ${pinned} ${origin(result)}`
  const cpu = charts.shares(standings, ({ cpuToBare }) => cpuToBare, 'CPU per request, bare = 1 (less is better)')
  const requests = charts.shares(
    standings,
    ({ requestsToBare }) => requestsToBare,
    'requests per second, bare = 1 (more is better)',
  )
  return { text, pictures: { 'overhead-cpu': cpu, 'overhead-requests': requests } }
}

function standingsOf({ framework, slices, duels }: Race): Standing[] {
  const base = slices[bare] ?? []
  return Object.entries(slices).map(([name, own]) => ({
    framework,
    name,
    requests: spread(own.map(perSecond)),
    cpu: spread(own.map(perRequest)),
    requestsToBare: spread(
      own.flatMap((slice, round) => (base[round] ? [perSecond(slice) / perSecond(base[round])] : [])),
    ),
    cpuToBare: spread((duels[name] ?? []).map((duel: Duel) => perRequest(duel.own) / perRequest(duel.bare))),
  }))
}

function share({ median, confidence }: Spread): string {
  const between = confidence ? confidence.map((bound) => fixed(bound, 3)).join('–') : 'too few rounds'
  return `${fixed(median, 3)} (${between})`
}
