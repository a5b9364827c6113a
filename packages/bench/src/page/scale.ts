import { load } from '../results.js'
import type { ScaleData } from '../scale/data.js'
import type { Run, Size } from '../scale/measure.js'
import type { Phase } from '../scale/server.js'
import { spread } from '../statistics.js'
import { fixed, origin, picture, type Section, table } from './section.js'

/** All drains of one size. */
interface Group extends Size {
  readonly runs: readonly Run[]
}

/** The target for the delay of the event loop, in milliseconds. */
const target = 50

export const scale: Section = (directories, charts) => {
  const result = load<ScaleData>('scale', directories)
  if (!result) return undefined
  const { runs, bare, repeats, settle, keepAliveCap, answeredWithin, resolution, limit, wanted, notPinned } =
    result.data
  const groups = groupsOf(runs)
  const all = runs.reduce((sum, { idle, busy }) => sum + idle + busy, 0)
  const lost = runs.reduce((sum, { clients }) => sum + clients.lost + clients.reset, 0)
  const tooFew =
    limit < wanted
      ? `\n- On this machine one process may have ${fixed(limit)} connections. For ${fixed(wanted)} connections it needs as many open files
  (\`ulimit -Hn ${wanted + 100}\`, or CAP_SYS_RESOURCE to raise the limit). The rows “in memory” have more connections than that. There both ends
  of every connection are in the server's process, as \`stream.duplexPair()\`. These rows are without the work of the kernel, and with the
  work of the clients.`
      : ''
  const text = `## A drain of many connections

A server with idle keep-alive connections and with requests in flight, which are answered within the first ${answeredWithin} ms.
The waits are short (\`settle: { min: ${settle.min}, quiet: ${settle.quiet} }\`, \`keepAliveCap: ${keepAliveCap}\`), because the bench measures the work and not the waits.
The delay of the event loop is how long a probe or a request waits because of that work. The target is a delay below ${target} ms.

${picture('scale-delay', 'Delay of the event loop during a drain')}

${picture('scale-time', 'Milliseconds from closing to closed, by the number of connections')}

${table(
  [
    'idle + in flight',
    'settling: ms',
    'CPU ms',
    'delay p50 / p99 / max',
    'closing: ms',
    'CPU ms',
    'delay p50 / p99 / max',
  ],
  groups.map(({ idle, busy, inMemory, runs }) => [
    `${fixed(idle)} + ${fixed(busy)}${inMemory ? ', in memory' : ''}`,
    ...phase(runs.map(({ drained }) => drained.settle)),
    ...phase(runs.map(({ drained }) => drained.closing)),
  ]),
)}

${fixed(lost)} of ${fixed(all)} connections lost a request or were reset.

Memory, in bytes per connection, with nothing in flight:

${table(
  ['connections', 'heap, bare', 'heap, with podrain', 'whole process, bare', 'whole process, with podrain'],
  bare.map(({ idle, heap, rss }) => {
    const ours = runs.filter((run) => run.idle === idle && run.busy === 0 && !run.inMemory).map(({ memory }) => memory)
    const [ourHeap, ourRss] = [median(ours.map(({ heap }) => heap)), median(ours.map(({ rss }) => rss))]
    return [idle, heap, ourHeap, rss, ourRss].map((value) => fixed(value))
  }),
)}

- Medians of ${repeats} drains. The delay is sampled every ${resolution} ms, and that interval is subtracted. p99 leaves out one sample in a
  hundred, so a single long block shows only in “max”.
- Closing is mostly the work of Node: to end a socket, to notice that the client has ended it, and to free its parser. podrain ends
  200 connections in each turn of the event loop.
- With few connections, most of the memory is not that of the connections.
- Each drain leaves its connections in TIME_WAIT for a minute. podrain reads the kernel's table of sockets at the end, and that table is
  longer after earlier drains. So later drains take a little longer here than in a pod, which has only one drain.
- Server and clients are on one machine. ${notPinned ? `They share its processors (${notPinned}).` : 'The server is pinned to one processor, all clients to another.'}${tooFew}

${origin(result)}`
  const drawn = groups.filter(({ inMemory }) => !inMemory)
  const delays = drawn.flatMap(({ idle, busy, runs }) =>
    (['p99', 'max'] as const).map((kind) => ({
      x: idle + busy,
      y: median(runs.map(({ drained }) => Math.max(drained.settle.delay[kind], drained.closing.delay[kind]))),
      series: `${kind}, ${fixed(busy)} in flight`,
    })),
  )
  const times = drawn.flatMap(({ idle, busy, runs }) =>
    (['ms', 'cpu'] as const).map((kind) => ({
      x: idle + busy,
      y: median(runs.map(({ drained }) => drained.closing[kind])),
      series: `${kind === 'ms' ? 'time' : 'CPU'}, ${fixed(busy)} in flight`,
    })),
  )
  return {
    text,
    pictures: {
      'scale-delay': charts.growth(delays, { y: 'delay of the event loop, ms', target }),
      'scale-time': charts.growth(times, { y: 'from closing to closed, ms' }),
    },
  }
}

function groupsOf(runs: readonly Run[]): Group[] {
  const groups = new Map<string, Size & { runs: Run[] }>()
  for (const run of runs) {
    const { idle, busy, inMemory } = run
    const key = `${idle} ${busy} ${inMemory}`
    const group = groups.get(key) ?? { idle, busy, inMemory, runs: [] }
    group.runs.push(run)
    groups.set(key, group)
  }
  return [...groups.values()]
}

function phase(phases: readonly Phase[]): string[] {
  const delays = (['p50', 'p99', 'max'] as const).map((kind) =>
    fixed(median(phases.map(({ delay }) => delay[kind])), 1),
  )
  return [fixed(median(phases.map(({ ms }) => ms))), fixed(median(phases.map(({ cpu }) => cpu))), delays.join(' / ')]
}

function median(values: readonly number[]): number {
  return spread(values).median
}
