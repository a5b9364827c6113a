/**
 * A server with many connections, in its own process.
 *
 *     node --expose-gc server.js bare|podrain
 */
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type IntervalHistogram, monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { duplexPair } from 'node:stream'
import { type Drain, drainServer } from '@podrain/core'
import { Client, fate } from './client.js'
import { answeredWithin, resolution, settle, terms } from './terms.js'

export interface Memory {
  readonly rss: number
  readonly heap: number
}

/** One phase of a drain, in milliseconds. The delay of the event loop is without the sampling interval. */
export interface Phase {
  readonly ms: number
  readonly cpu: number
  readonly delay: { readonly p50: number; readonly p99: number; readonly max: number }
}

export interface Drained {
  /** From 'draining' to 'closing', and from 'closing' to 'closed'. */
  readonly settle: Phase
  readonly closing: Phase
  readonly answered: number
  readonly cut: number
}

/** Numbers of connections with both ends in this process: those used once, and those with a request in flight. */
export interface Pairs {
  readonly idle: number
  readonly busy: number
}

export type Question = 'memory' | 'drain' | 'fate' | Pairs

const held = new Set<ServerResponse>()

const server = createServer((request, response) => {
  if (request.url === '/held') held.add(response)
  else response.end('ok')
})
server.keepAliveTimeout = 0 // idle connections stay open until the drain
const drain =
  process.argv[2] === 'podrain' ? drainServer(server, { ...terms, settle, signals: false, logger: false }) : undefined

/** Memory after two full collections. The first collection may leave objects that have a finalizer. */
function memory(): Memory {
  global.gc?.()
  global.gc?.()
  const { rss, heapUsed } = process.memoryUsage()
  return { rss, heap: heapUsed }
}

async function drained(drain: Drain): Promise<Drained> {
  const histogram = monitorEventLoopDelay({ resolution })
  histogram.enable()
  const settling = begin(histogram)
  let closing = settling
  let settled: Phase | undefined
  drain.on('state', (state) => {
    if (state !== 'closing') return
    settled = settling()
    closing = begin(histogram)
  })
  for (const response of held) setTimeout(() => response.end('ok'), Math.random() * answeredWithin)
  const { answered, cut } = await drain.start()
  const closed = closing()
  return { settle: settled ?? closed, closing: closed, answered, cut: cut.length }
}

/** Begins to measure a phase. Returns the function that ends it. */
function begin(histogram: IntervalHistogram): () => Phase {
  histogram.reset()
  const begun = performance.now()
  const used = process.cpuUsage()
  return () => {
    const { user, system } = process.cpuUsage(used)
    const delay = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - resolution)
    return {
      ms: performance.now() - begun,
      cpu: (user + system) / 1000,
      delay: {
        p50: delay(histogram.percentile(50)),
        p99: delay(histogram.percentile(99)),
        max: delay(histogram.max),
      },
    }
  }
}

async function openPairs({ idle, busy }: Pairs): Promise<void> {
  for (let done = 0; done < idle + busy; done++) {
    const [ours, theirs] = duplexPair()
    server.emit('connection', ours)
    theirs.on('end', () => theirs.end())
    const client = new Client(theirs, done < idle ? '/' : '/held')
    if (done < idle) await client.answered
  }
}

async function answer(question: Question): Promise<unknown> {
  if (question === 'memory') return memory()
  if (question === 'fate') return fate
  if (question === 'drain') return drain && drained(drain)
  return openPairs(question)
}

process.on('message', async (question: Question) => {
  process.send?.((await answer(question)) ?? null)
})
process.on('disconnect', () => process.exit())

server.listen(0, '127.0.0.1', 4096, () => process.send?.((server.address() as AddressInfo).port))
