import { BroadcastChannel, type Worker as Thread } from 'node:worker_threads'
import type { Signal } from '../process/signals.js'
import type { LeadingDrain } from './drain-view.js'
import { Primary, type Worker } from './primary.js'
import { type Addressed, channelName, type FromPrimary, type FromWorker, isAddressed } from './protocol.js'

/** The threads that a drain leads, and how it speaks to them. */
interface Threads {
  readonly primary: Primary
  readonly channel: BroadcastChannel
  /** Those who hear each thread, by its number. */
  readonly listeners: Map<number, (message: FromWorker) => void>
}

const led = new WeakMap<LeadingDrain, Threads>()

/**
 * Drains a thread of node:worker_threads together with a drain of the main thread: no signal reaches a thread, and
 * `process.exit()` ends all of them. For threads that serve requests, with podrain as they would use it alone. Threads that only
 * compute need nothing of this: wait for their work (`waitUntil`), and terminate them in `onClose`.
 *
 * @example
 * drainThread(drain, new Worker('./server.js'))
 */
export function drainThread(drain: LeadingDrain, thread: Thread): void {
  const id = thread.threadId
  // It has ended, or was started too late and ends with the process: to end it now would have an application that starts
  // another on every exit do so without end.
  if (id === -1 || drain.committed) return
  const { primary, channel, listeners } = threadsOf(drain)
  const send = (message: FromPrimary): void =>
    channel.postMessage({ thread: id, message, toPrimary: false } satisfies Addressed)
  let ending: Signal | undefined
  const worker: Worker = {
    name: `thread ${id}`,
    send,
    signal(signal) {
      ending = signal
      send({ podrain: 'end', signal })
    },
    kill: () => void thread.terminate(),
    // Not once() of node:events: it would take an 'error', which is the application's, for the end.
    exited: new Promise((resolve) => thread.once('exit', resolve)),
  }
  listeners.set(id, (message) => {
    if (message.podrain !== 'here') return primary.hear(worker, message)
    // It was still starting, and has missed what was said.
    send({ podrain: 'led' })
    if (ending) worker.signal(ending)
  })
  void worker.exited.then(() => listeners.delete(id))
  primary.add(worker)
  send({ podrain: 'led' })
}

function threadsOf(drain: LeadingDrain): Threads {
  const there = led.get(drain)
  if (there) return there
  const primary = new Primary(drain)
  const listeners: Threads['listeners'] = new Map()
  const channel = new BroadcastChannel(channelName)
  channel.unref()
  channel.onmessage = (event: unknown) => {
    const { data } = event as { data: unknown }
    if (isAddressed(data) && data.toPrimary) listeners.get(data.thread)?.(data.message as FromWorker)
  }
  drain.onClose(() => primary.end(drain.status().budgetMs / 2), {
    name: 'threads',
    timeout: Number.POSITIVE_INFINITY,
  })
  drain.once('report', () => channel.close())
  const threads = { primary, channel, listeners }
  led.set(drain, threads)
  return threads
}
