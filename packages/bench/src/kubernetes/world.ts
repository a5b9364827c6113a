// A cluster and its API over loopback, in its own process. Each message says how much virtual time passes.
import type { AddressInfo } from 'node:net'
import { Api } from './api.js'
import { VirtualClock } from './clock.js'
import { seed } from './random.js'
import { Store } from './store.js'
import { Tally } from './tally.js'
import { startWithin } from './terms.js'
import { Workload } from './workload.js'

export interface Question {
  /** Virtual milliseconds that pass. */
  readonly pass: number
  /** Pods whose processes have exited. */
  readonly gone: readonly string[]
  readonly act?: 'start' | 'roll over'
}

export interface Answer {
  /** The pods whose processes must be started, and those whose processes must be ended. */
  readonly start: readonly string[]
  readonly terminate: readonly string[]
  /** Whether no pod is being replaced. */
  readonly settled: boolean
}

seed(1)
const [pods = 10, sample = 10] = process.argv.slice(2).map(Number)
const clock = new VirtualClock()
const store = new Store(clock)
const api = new Api(clock, store, new Tally(clock))
const ends = new Map<string, () => void>()
let [start, terminate]: [string[], string[]] = [[], []]
const kubelet = {
  start: (pod: string): void => void start.push(pod),
  terminate: (pod: string, gone: () => void): void => {
    ends.set(pod, gone)
    terminate.push(pod)
  },
}
const workload = new Workload(clock, store, { pods, services: 1, sample, kubelet, date: (ms) => api.date(ms) })

process.on('message', ({ pass, gone, act }: Question) => {
  for (const pod of gone) ends.get(pod)?.()
  if (act === 'start') workload.start(startWithin)
  if (act === 'roll over') workload.rollOver()
  clock.advanceTo(clock.now() + pass)
  process.send?.({ start, terminate, settled: workload.settled } satisfies Answer)
  start = []
  terminate = []
})
process.on('disconnect', () => process.exit())

api.server.listen(0, '127.0.0.1', 4096, () => process.send?.((api.server.address() as AddressInfo).port))
