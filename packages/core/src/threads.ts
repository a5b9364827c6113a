import { once } from 'node:events'
import { BroadcastChannel, type Worker as Thread } from 'node:worker_threads'
import type { Drain } from './drain.js'
import { type Addressed, channelName, type FromPrimary, type FromWorker } from './link.js'
import { Primary, type Worker } from './primary.js'

/** The threads that a drain leads, and how it speaks to them. */
interface Threads {
  readonly primary: Primary
  readonly channel: BroadcastChannel
  readonly known: Map<number, Worker>
}

const led = new WeakMap<Drain, Threads>()

/**
 * Drains a thread of node:worker_threads together with a drain of the main thread: no signal reaches a thread, and
 * `process.exit()` ends all of them. For threads that serve requests, with podrain as they would use it alone. Threads that only
 * compute need nothing of this: wait for their work (`waitUntil`), and terminate them in `onClose`.
 *
 * @example
 * drainThread(drain, new Worker('./server.js'))
 */
export function drainThread(drain: Drain, thread: Thread): void {
  const { primary, channel, known } = threadsOf(drain)
  const id = thread.threadId
  const send = (message: FromPrimary): void =>
    channel.postMessage({ thread: id, message, toPrimary: false } satisfies Addressed)
  const worker: Worker = {
    name: `thread ${id}`,
    send,
    signal: (signal) => send({ podrain: 'end', signal }),
    kill: () => void thread.terminate(),
    exited: once(thread, 'exit').then(([code]) => code),
  }
  known.set(id, worker)
  void worker.exited.then(() => known.delete(id))
  primary.add(worker)
}

function threadsOf(drain: Drain): Threads {
  const there = led.get(drain)
  if (there) return there
  const primary = new Primary(drain)
  const known = new Map<number, Worker>()
  const channel = new BroadcastChannel(channelName)
  channel.unref()
  channel.onmessage = (event: unknown) => {
    const { thread, message, toPrimary } = (event as { data: Addressed }).data
    const worker = known.get(thread)
    if (worker && toPrimary) primary.hear(worker, message as FromWorker)
  }
  drain.onClose(() => primary.end(drain.status().budgetMs / 2), {
    name: 'threads',
    timeout: Number.POSITIVE_INFINITY,
  })
  drain.once('report', () => channel.close())
  const threads = { primary, channel, known }
  led.set(drain, threads)
  return threads
}
