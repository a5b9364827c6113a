import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ClientCounts, Sample } from '@podrain/rehearsal'
import { clients, pathOf } from '../clients.js'
import {
  Abridgement,
  Crowd,
  createClock,
  eachKind,
  HeldUp,
  kinds,
  machineTime,
  plain,
  sampleOf,
} from '../rehearsal-internals.js'
import { type RequestsSoFar, write } from '../report.js'
import { podHeader } from '../traffic.js'

// Sends requests to the Services with the clients of the rehearsal, and then prints its report.

/** The URLs of the Services. All have the same pods, and each new connection goes to one of the URLs. */
const targets = (process.env.TARGETS ?? 'http://app').split(' ').map((each) => new URL(each))
const seconds = Number(process.env.SECONDS ?? 60)
/** A path that is requested once, early. `/die` makes the liveness probe of the pod that gets the request fail. */
const once = process.env.ONCE
const counts: Readonly<ClientCounts> = { ...clients, ...JSON.parse(process.env.CLIENTS ?? '{}') }

/** Milliseconds between two samples. A load of any length has at most 1,000 samples. */
const sampleEvery = Math.max(100, seconds)
/** The first 1,000 losses in full. Further losses are counted in a hundred slots of time, so that the log stays short. */
const losses = new Abridgement(1000, Math.max(1000, seconds * 10))

async function main(): Promise<void> {
  const startedAt = Date.now()
  const machineStart = machineTime()
  const clock = createClock(machineStart)
  const crowd = new Crowd(
    {
      clients: counts,
      asks: eachKind((kind) => {
        const path = pathOf(kind)
        return path === undefined ? [] : [plain(path, kinds[kind].method)]
      }),
      rate: undefined,
      openLoop: false,
      timeouts: { connect: 5000, total: 30_000 },
      podHeader,
      seed: 1,
      first: 0,
      limit: Number.POSITIVE_INFINITY,
      startedAt: machineStart,
    },
    { onLost: (client, loss, t) => losses.add({ t, type: 'lost', client, ...loss }), onExhausted() {} },
  )
  const samples: Sample[] = []
  const soFar: RequestsSoFar[] = []
  const sample = (): void => {
    const tick = crowd.tick()
    samples.push(sampleOf(clock(), [tick], [tick]))
    soFar.push({ type: 'requests', t: clock(), requests: tick.requests })
  }
  const heldUp = new HeldUp()
  heldUp.start()
  crowd.route(targets.map(({ hostname, port }) => ({ name: hostname, host: hostname, port: Number(port || 80) })))
  crowd.start()
  const sampler = setInterval(sample, sampleEvery)
  console.log('loading')
  if (once)
    void sleep(seconds * 200).then(() => http.get(new URL(once, targets[0]), { agent: false }, (it) => it.resume()))
  await sleep(seconds * 1000)
  await crowd.end()
  clearInterval(sampler)
  sample()
  const end = {
    t: clock(),
    type: 'load-end' as const,
    requests: crowd.tick().requests,
    eventLoopDelayMs: null,
    loadEventLoopDelayMs: heldUp.longest,
  }
  heldUp.stop()
  const everySecond = soFar.filter((_, index) => index % Math.ceil(1000 / sampleEvery) === 0)
  const text = write({ startedAt, events: [...losses.events, end], samples, requests: everySecond })
  process.stdout.write(text, () => process.exit(0))
}

void main()
