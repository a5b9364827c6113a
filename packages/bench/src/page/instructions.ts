import type { InstructionsData } from '../instructions/data.js'
import { bare, podrain } from '../overhead/contenders.js'
import { load } from '../results.js'
import { type Spread, spread } from '../statistics.js'
import { fixed, origin, picture, type Section, table, whoCounts } from './section.js'

/** A contender on a framework, beside the bare server that was asked over as many connections. */
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

The same small answer from each framework: alone (“bare”), with podrain, and with other shutdown libraries, wired as in
[peers](peers.md). What the processor executes for it is counted, not timed: on a machine like this one a clock hardly tells
such differences from noise. The kernel's part is not counted, and comes on top: what is added is a smaller part still of the
processor's whole time.

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

- Each server is asked over ${connections.join(', ')} connections, and compared with the bare server that is asked over as many.
  The compiler decides by what it happens to see first, and makes better or worse of the same code each time, the bare server's
  too: hence the distance from the lowest to the highest. A server may seem to cost less than nothing for that reason
  alone, and a difference smaller than that distance says nothing.
${whoCounts}

How: each server has a process of its own that has loaded no other library, and runs in ${valgrind} (cachegrind) on one thread.
${fixed(requests)} requests are sent in one process and ${fixed(2 * requests)} in another; the difference is what
${fixed(requests)} take, without the start and most of the compiler's work. What a timer does (Node's date once a second, podrain's time ten times)
counts for more here than elsewhere, as everything is slower in valgrind. ${origin(result)}`
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
