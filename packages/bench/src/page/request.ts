import type { RequestData } from '../request/data.js'
import { load } from '../results.js'
import { fixed, origin, picture, type Section, shown, table } from './section.js'

export const request: Section = (directories, charts) => {
  const result = load<RequestData>('request', directories)
  if (!result) return undefined
  const { alone, time, bytes, starts, rounds, requests } = result.data
  const text = `## A request, in process

What podrain adds to the life cycle of a request in Node, from the construction of the response to ‘close’. The bare life cycle
takes ${shown(alone)} ns. There is no network and no handler, so the figures are the work of podrain alone.

${table(
  ['added to a request', 'ns: median (quartiles)', 'bytes: median (quartiles)'],
  Object.entries(time).map(([name, spread]) => [name, shown(spread), bytes[name] ? shown(bytes[name]) : '']),
)}

${picture('request', 'Nanoseconds added to a request')}

- The shared listener is the lowest possible cost. Counting needs to know when a response has closed, so Node must call a listener.
- podrain reads the time every 100 ms for all requests together, so \`performance.now()\` is not among the costs.
- Bytes are counted from the ‘request’ event on. Memory that all requests share may appear as a fraction of a byte.

How: each row has ${starts} processes, with ${rounds} rounds of ${fixed(requests)} requests beside the same number of bare requests.
Nanoseconds depend on the processor, on its other work, and on the code that V8 compiles in each process. Bytes do not. ${origin(result)}`
  const bars = Object.entries(time).map(([name, spread]) => ({ name, ...spread, ours: name.startsWith('podrain') }))
  return { text, pictures: { request: charts.added(bars) } }
}
