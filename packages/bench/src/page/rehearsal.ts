import type { RehearsalData, Rehearsed } from '../rehearsal/data.js'
import { load } from '../results.js'
import type { Point } from './charts.js'
import { fixed, origin, picture, type Section, table } from './section.js'

const megabytes = (bytes: number): string => fixed(bytes / 1e6, bytes < 1e7 ? 1 : 0)
const secondsOf = (ms: number): string => fixed(ms / 1000, 1)

export const rehearsal: Section = (directories, charts) => {
  const result = load<RehearsalData>('rehearsal', directories)
  if (!result) return undefined
  const { rehearsed, rendered, rate, probe } = result.data
  const shortest = Math.min(...rehearsed.map(({ minutes }) => minutes))
  const wide = rehearsed.filter(({ minutes }) => minutes === shortest)
  const [longest] = rehearsed.toSorted((a, b) => b.minutes - a.minutes)
  const long = rehearsed.filter(
    ({ replicas, clients }) => replicas === longest?.replicas && clients === longest.clients,
  )
  const [most] = rendered.toSorted((a, b) => b.json - a.json)
  const text = `## Rehearsals by size

Each row is a rolling update of an app with podrain, and then some minutes of load: ${fixed(rate)} requests per second from all clients
together. Memory is the largest resident set of the rehearsal's own process, with the threads of its clients and without the pods. “Held up” is
the longest time in which the simulated kubelet or the clients could not run. If it reaches ${fixed(probe)} ms, the timeout of a readiness probe, the verdict is “inconclusive”.

${table(
  [
    ...[
      'replicas × clients',
      'minutes',
      'duration, s',
      'requests',
      'lost',
      'kubelet held up, ms',
      'clients held up, ms',
    ],
    ...['memory, MB', 'JSON, MB', 'page, MB', 'page rendered in, s', 'verdict'],
  ],
  rehearsed.map((run) => [
    `${fixed(run.replicas)} × ${fixed(run.clients)}`,
    fixed(run.minutes, run.minutes < 1 ? 2 : 0),
    ...[fixed(run.duration / 1000), fixed(run.requests), fixed(run.lost)],
    ...[fixed(run.heldUp), fixed(run.loadHeldUp)],
    ...[megabytes(run.memory), megabytes(run.json), megabytes(run.page), secondsOf(run.rendered)],
    run.verdict,
  ]),
)}

${picture('rehearsal-kubelet', 'The longest time for which the simulated kubelet was held up, by the number of replicas')}

${picture('rehearsal-clients', 'The longest time for which the clients were held up, by the number of replicas')}

${picture('rehearsal-memory', 'Memory, JSON and page, by the number of replicas')}

${picture('rehearsal-minutes', 'Memory, JSON and page, by minutes')}

## Results by number of lost requests

These results are synthetic, not rehearsed. One pod is replaced after the other, and its requests are lost evenly in that time, which
makes the counts over time as large as possible. The largest result has ${most === undefined ? 'no size' : `${megabytes(most.json)} MB of JSON and a page of ${megabytes(most.page)} MB`}.

${table(
  ['pods', 'minutes', 'lost', 'JSON, MB', 'page, MB', 'summed up in, s', 'page rendered in, s', 'memory, MB'],
  rendered.map(({ pods, minutes, lost, json, page, concluded, rendered, memory }) => [
    ...[fixed(pods), fixed(minutes, minutes < 1 ? 2 : 0), fixed(lost)],
    ...[megabytes(json), megabytes(page), secondsOf(concluded), secondsOf(rendered), megabytes(memory)],
  ]),
)}

${origin(result)}`
  const fewest = Math.min(...wide.map(({ clients }) => clients))
  const heldUp = (who: string, name: 'heldUp' | 'loadHeldUp'): string =>
    charts.growth(
      wide.map((run) => ({ x: run.replicas, y: run[name], series: `${fixed(run.clients)} clients` })),
      { x: 'replicas', y: `${who} held up at most, ms`, target: probe },
    )
  return {
    text,
    pictures: {
      'rehearsal-kubelet': heldUp('kubelet', 'heldUp'),
      'rehearsal-clients': heldUp('clients', 'loadHeldUp'),
      'rehearsal-memory': charts.growth(
        // With more clients only the memory grows, so JSON and page are drawn for the fewest clients only.
        wide.flatMap((run) => sizes(run, run.replicas).slice(0, run.clients === fewest ? undefined : 1)),
        { x: 'replicas', y: 'MB' },
      ),
      'rehearsal-minutes': charts.growth(
        long.flatMap((run) => sizes(run, run.minutes)),
        { x: 'minutes', y: 'MB' },
      ),
    },
  }
}

/** The sizes of a rehearsal as points of a chart, memory first. */
function sizes({ memory, json, page, clients }: Rehearsed, x: number): Point[] {
  const named = { [`memory, ${fixed(clients)} clients`]: memory, JSON: json, page }
  return Object.entries(named).map(([series, bytes]) => ({ x, y: bytes / 1e6, series }))
}
