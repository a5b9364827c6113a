/**
 * Measures one variant beside the bare life cycle, in its own process, because the code that V8 compiles depends on everything that
 * the process has run.
 *
 *     node [--expose-gc --min-semi-space-size=… --max-semi-space-size=…] measure.js time|bytes <variant> <rounds> <requests>
 */
import { PerformanceObserver } from 'node:perf_hooks'
import { shuffled } from '../statistics.js'
import { bare, check, createVariant, lifeCycle, responseOn, serve, type Variant } from './variants.js'

/** Rounds before the measurement, in which V8 optimizes the code. */
const warmUp = 50

/** A bare request and a request of the variant in the same round; null if garbage was collected during the measurement. */
export type Pair = readonly [bare: number | null, variant: number | null]

const [what = '', name = '', ...numbers] = process.argv.slice(2)
const [rounds = 0, requests = 0] = numbers.map(Number)

let collections = 0
new PerformanceObserver((list) => {
  collections += list.getEntries().length
}).observe({ entryTypes: ['gc'] })

const measures: Record<string, (variant: Variant) => Promise<number | null>> = {
  async time(variant) {
    const begun = process.hrtime.bigint()
    for (let done = 0; done < requests; done++) lifeCycle(variant)
    return Number(process.hrtime.bigint() - begun) / requests
  },
  /** Without the bytes of the request and the response themselves. */
  async bytes({ server, socket }) {
    const responses = Array.from({ length: requests }, () => responseOn(socket))
    global.gc?.()
    await collectionsObserved()
    const before = collections
    const used = process.memoryUsage().heapUsed
    for (const response of responses) serve(server, response)
    const allocated = (process.memoryUsage().heapUsed - used) / requests
    await collectionsObserved()
    return collections === before ? allocated : null
  },
}

/** Waits until the observer has counted all collections so far, which happens in a later turn of the event loop. */
function collectionsObserved(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
}

async function main(): Promise<void> {
  const measure = measures[what]
  if (!measure) throw new Error(`Expected time or bytes, got ${what}`)
  const [first, second] = [createVariant(bare), createVariant(name)]
  check(second)
  const pairs: Pair[] = []
  for (let round = -warmUp; round < rounds; round++) {
    const values = new Map<Variant, number | null>()
    for (const variant of shuffled([first, second])) values.set(variant, await measure(variant))
    if (round >= 0) pairs.push([values.get(first) ?? null, values.get(second) ?? null])
  }
  check(second)
  process.send?.(pairs, () => process.exit()) // the server and the drain would keep the process alive
}

void main()
