import { BroadcastChannel, type Worker as Thread } from 'node:worker_threads'
import type { Signal } from '../process/signals.js'
import { ofProcess } from '../shared/of-process.js'
import type { PrimaryDrain } from './drain-view.js'
import { Primary, type WorkerHandle } from './primary.js'
import { type Addressed, channelName, type FromPrimary, type FromWorker, isAddressed } from './protocol.js'

/** The threads of one drain, and the channel to them. */
interface Threads {
  readonly primary: Primary
  readonly channel: BroadcastChannel
  /** The message handlers, by thread id. */
  readonly listeners: Map<number, (message: FromWorker) => void>
  /** The ids of the threads that listen. */
  readonly listening: Set<number>
}

/** The threads that are drained, by a drain of any copy of the package. */
const led = ofProcess<WeakSet<Thread>>('threads', () => new WeakSet())

/** Whether the thread was passed to `drainThread()`. */
export function isDrained(thread: Thread): boolean {
  return led.has(thread)
}

/**
 * Reads a message on the BroadcastChannel `podrain`. Returns the id of a thread that has created a drain. undefined for any other
 * message.
 */
export function threadWithDrain(message: unknown): number | undefined {
  return isAddressed(message) && message.toPrimary && message.message.podrain === 'here' ? message.thread : undefined
}

const threadsByDrain = new WeakMap<PrimaryDrain, Threads>()

/** Checks for the main thread's `/readyz`. */
export function checksOfThreads(drain: PrimaryDrain): { threads: () => void } {
  return {
    threads() {
      if (!threadsByDrain.get(drain)?.listening.size) throw new Error('no thread listens')
    },
  }
}

/** Drains a thread together with a drain of the main thread. A thread that has ended, or a drain that is committed, is ignored. */
export function leadThread(drain: PrimaryDrain, thread: Thread): void {
  const id = thread.threadId
  // A late thread ends with the process. It is not ended here, because an application that starts a thread at every exit would do so
  // without end.
  if (id === -1 || drain.committed) return
  led.add(thread)
  const { primary, channel, listeners, listening } = threadsOf(drain)
  const send = (message: FromPrimary): void =>
    channel.postMessage({ thread: id, message, toPrimary: false } satisfies Addressed)
  let ending: Signal | undefined
  const worker: WorkerHandle = {
    name: `thread ${id}`,
    send,
    signal(signal) {
      ending = signal
      send({ podrain: 'end', signal })
    },
    kill: () => void thread.terminate(),
    // Not once() of node:events, because that rejects on 'error', which is an event of the application and no exit.
    exited: new Promise((resolve) => thread.once('exit', resolve)),
  }
  listeners.set(id, (message) => {
    if (message.podrain === 'listening') listening.add(id)
    if (message.podrain !== 'here') return primary.receive(worker, message)
    // The thread was still starting and has missed the earlier messages.
    send({ podrain: 'led' })
    if (ending) worker.signal(ending)
  })
  void worker.exited.then(() => {
    listeners.delete(id)
    listening.delete(id)
  })
  primary.add(worker)
  send({ podrain: 'led' })
}

function threadsOf(drain: PrimaryDrain): Threads {
  const there = threadsByDrain.get(drain)
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
  const threads = { primary, channel, listeners, listening: new Set<number>() }
  threadsByDrain.set(drain, threads)
  return threads
}
