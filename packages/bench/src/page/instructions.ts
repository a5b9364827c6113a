import type { InstructionsData } from '../instructions/data.js'
import { bare, podrain } from '../overhead/contenders.js'
import { load } from '../results.js'
import { type Spread, spread } from '../statistics.js'
import { fixed, origin, picture, type Section, table, whoCounts } from './section.js'

/** A contender on a framework, compared with the bare server over the same number of connections. */
interface Standing {
  readonly framework: string
  readonly name: string
  readonly instructions: Spread
  readonly added: readonly number[]
  readonly toBare: Spread
}

export const instructions: Section = (directories, charts) => {
  const result = load<InstructionsData>('instructions', directories)
  if (!result) return undefined
  const { counts, requests, connections, valgrind } = result.data
  const standings = Object.entries(counts).flatMap(([framework, contenders]) => standingsOf(framework, contenders))
  const text = `## A request, in instructions

The same small response from each framework: without a library (“bare”), with podrain, and with other shutdown libraries, set up
as in [peers](peers.md). The instructions of the processor are counted, not timed, because on a machine like this one the
differences are smaller than the noise of a clock. Instructions of the kernel are not counted. So the added share of the whole
processor time is smaller than the shares here.

${picture('instructions', 'Instructions per request, as a share of the bare server’s')}

${Object.keys(counts)
  .map((framework) => {
    const rows = standings
      .filter((one) => one.framework === framework)
      .map(({ name, instructions, added, toBare }) => [
        name.startsWith(podrain) ? `**${name}**` : name,
        fixed(instructions.median),
        name === bare
          ? ''
          : `${fixed(spread(added).median)} (${fixed(Math.min(...added))}–${fixed(Math.max(...added))})`,
        fixed(toBare.median, 3),
      ])
    return `### ${framework}, in instructions\n\n${table(head, rows)}`
  })
  .join('\n\n')}

- Each server is measured over ${connections.join(', ')} connections, and compared with the bare server over the same number of
  connections. V8 optimizes the same code better or worse, depending on the first calls that it sees. That is the reason for the
  distance from the lowest to the highest count, also for the bare server. A difference smaller than that distance says nothing,
  and a server may even seem to cost less than the bare one.
${whoCounts}

How: each server has its own process, which has loaded no other library and runs in ${valgrind} (cachegrind) on one thread.
One process gets ${fixed(requests)} requests, another one ${fixed(2 * requests)}. The difference is the cost of ${fixed(requests)}
requests, without the start of the process and most of the compilation. Timers (Node's date once a second, podrain's time ten times a
second) count for more here than elsewhere, because everything is slower in valgrind. ${origin(result)}`
  const others = standings.filter(({ name }) => name !== bare)
  const drawn = charts.shares(
    others.map(({ framework, name, toBare }) => ({ framework, name, ...toBare })),
    'instructions per request, bare = 1 (less is better)',
  )
  return { text, pictures: { instructions: drawn } }
}

const head = ['', 'instructions per request, median', 'added: median (lowest–highest)', 'to bare, median']

function standingsOf(framework: string, contenders: InstructionsData['counts'][string]): Standing[] {
  const alone = contenders[bare] ?? []
  return Object.entries(contenders).map(([name, counted]) => ({
    framework,
    name,
    instructions: spread(counted),
    added: counted.map((each, index) => each - (alone[index] ?? Number.NaN)),
    toBare: spread(counted.map((each, index) => each / (alone[index] ?? Number.NaN))),
  }))
}
