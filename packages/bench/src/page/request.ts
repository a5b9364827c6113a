import type { RequestData } from '../request/data.js'
import { load } from '../results.js'
import { fixed, origin, picture, type Section, shown, table } from './section.js'

export const request: Section = (directories, charts) => {
  const result = load<RequestData>('request', directories)
  if (!result) return undefined
  const { alone, time, bytes, starts, rounds, requests } = result.data
  const text = `## A request, in process

What is added to a request's life cycle in Node, from the construction of its response to ‘close’, which alone takes
${shown(alone)} ns here. No network and no handler: this is podrain's own work and nothing else.

${table(
  ['added to a request', 'ns: median (quartiles)', 'bytes: median (quartiles)'],
  Object.entries(time).map(([name, spread]) => [name, shown(spread), bytes[name] ? shown(bytes[name]) : '']),
)}

${picture('request', 'Nanoseconds added to a request')}

- The floor is the shared listener: to learn that a response has closed, somebody has to listen, and Node has to call.
- The time is looked up every 100 ms for all requests together, so \`performance.now()\` is not among the costs.
- Bytes are counted from when the server has the request. What all requests share may show in them as a fraction.

How: each row has processes of its own, ${starts} of them, with ${rounds} rounds of ${fixed(requests)} requests beside as many bare ones.
Nanoseconds depend on the processor, on what else it does, and on what the compiler makes of the same code in another
process; bytes do not. ${origin(result)}`
  const bars = Object.entries(time).map(([name, spread]) => ({ name, ...spread, ours: name.startsWith('podrain') }))
  return { text, pictures: { request: charts.added(bars) } }
}
