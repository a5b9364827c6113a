import type { InstructionsData } from '../instructions.js'
import { bare, podrain } from '../overhead/contenders.js'
import { load } from '../results.js'
import { spread } from '../statistics.js'
import { fixed, origin, picture, type Section, table } from './section.js'

export const instructions: Section = (directories, charts) => {
  const result = load<InstructionsData>('instructions', directories)
  if (!result) return undefined
  const { counts, requests, valgrind } = result.data
  const frameworks = Object.entries(counts)
  const text = `## A request, in instructions

The same small answer from each framework: alone (“bare”), with podrain, and with other shutdown libraries, wired as in
[peers](peers.md). What the processor executes for it is counted, not timed: a difference of one in two hundred shows, which no
clock can tell from noise here. The kernel's part is not counted: it comes on top for all alike, so of the whole time of the
processor these shares are smaller still.

${picture('instructions', 'Instructions per request, as a share of the bare server’s')}

${frameworks
  .map(([framework, contenders]) => {
    const alone = spread(contenders[bare] ?? []).median
    const rows = Object.entries(contenders).map(([name, counted]) => {
      const { median } = spread(counted)
      const between = `${fixed(Math.min(...counted))}–${fixed(Math.max(...counted))}`
      const added = name === bare ? '' : fixed(median - alone)
      return [
        name === podrain ? `**${podrain}**` : name,
        `${fixed(median)} (${between})`,
        added,
        fixed(median / alone, 3),
      ]
    })
    const head = ['', 'instructions per request: median (lowest–highest)', 'added', 'to bare']
    return `### ${framework}, in instructions\n\n${table(head, rows)}`
  })
  .join('\n\n')}

- Who counts what is in flight: podrain, stoppable, @godaddy/terminus (with stoppable), http-graceful-shutdown, and lightship
  as it is wired here. The others keep a list of connections at most, and pay for that when one opens.
- “a counter by hand” is a number and one listener for \`close\`: the least that counting can cost, and nothing that a drain
  could work with. “an empty middleware” does nothing at all: what Express and Koa take for one layer more. Ours is one, so
  that it needs no server handle; \`drainServer(server)\` of @podrain/core needs none of it.
- The compiler decides by what it happens to see first: that is the distance from the lowest to the highest, and between
  contenders it is as large.

How: each server has a process of its own that has loaded nothing else, and runs in ${valgrind} (cachegrind) on one thread, with
the same random numbers for all. ${fixed(requests)} requests are sent in one process and ${fixed(2 * requests)} in another; the
difference is what ${fixed(requests)} take, without the start and the compiler's work. ${origin(result)}`
  const shares = frameworks.flatMap(([framework, contenders]) => {
    const alone = spread(contenders[bare] ?? []).median
    const others = Object.entries(contenders).filter(([name]) => name !== bare)
    return others.map(([name, counted]) => ({ framework, name, ...spread(counted.map((one) => one / alone)) }))
  })
  const drawn = charts.shares(shares, 'instructions per request, bare = 1 (less is better)')
  return { text, pictures: { instructions: drawn } }
}
