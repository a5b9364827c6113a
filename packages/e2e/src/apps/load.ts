import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ClientCounts, Sample } from '@podrain/rehearsal'
import { podHeader } from '../asked.js'
import { clients, pathOf } from '../clients.js'
import { Abridgement, Crowd, createClock, eachKind, HeldUp, kinds, machineTime, plain, sampleOf } from '../crowd.js'
import { type RequestsSoFar, write } from '../report.js'

// Asks the Service for as long as it is told, with the clients of the rehearsal, and says what became of it.

/** Several are several addresses of the same pods: each new connection goes to one of them. */
const targets = (process.env.TARGETS ?? 'http://app').split(' ').map((each) => new URL(each))
const seconds = Number(process.env.SECONDS ?? 60)
/** What is asked for once, early: `/die` fails the liveness probe of whichever pod gets it. */
const once = process.env.ONCE
const counts: Readonly<ClientCounts> = { ...clients, ...JSON.parse(process.env.CLIENTS ?? '{}') }

/** However long it goes on, so many samples at most. */
const sampleEvery = Math.max(100, seconds)
/** For the log: so many losses in full, the others counted in a hundred slots. */
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
    heldUpMs: null,
    loadHeldUpMs: heldUp.longest,
  }
  heldUp.stop()
  const everySecond = soFar.filter((_, index) => index % Math.ceil(1000 / sampleEvery) === 0)
  const text = write({ startedAt, events: [...losses.events, end], samples, requests: everySecond })
  process.stdout.write(text, () => process.exit(0))
}

void main()
