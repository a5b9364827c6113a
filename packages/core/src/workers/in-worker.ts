import type { Server } from 'node:net'
import { isMainThread } from 'node:worker_threads'
import type { Outcome } from '../outcome/outcome.js'
import { nodeProcess } from '../process/exit.js'
import { type ExitListener, ExitListeners, type ExitSource } from '../process/exit-listeners.js'
import { seconds } from '../shared/log.js'
import { leadTime } from '../shared/timing.js'
import type { WorkerDrain } from './drain-view.js'
import { linkToPrimary } from './link.js'
import type { FromPrimary } from './protocol.js'

/** The drains of this worker that have control endpoints. */
const drains = new Set<WorkerDrain>()
/** Callers of `/prestop` that wait for the whole pod, by the number of their message. */
const prestopCallers = new Map<number, () => void>()
/** The drains of this thread, which must end before the thread does. */
const exitListeners = new ExitListeners()
let messageCount = 0
let subscribed = false
/**
 * Whether a primary drains all workers together. A process knows this from the start. A thread learns it by a message.
 */
let primaryDrains = isMainThread
/** The pod's grace period in milliseconds, once the primary has sent it. */
let gracePeriod: number | undefined
/** Drains that wait for connections that the primary accepted for this worker, by the number of their message. */
const handOverCallers = new Map<number, () => void>()

/**
 * Joins a drain of this worker with those of all other workers.
 * @returns The function that `/prestop` calls. Its promise resolves when all workers have settled. undefined if there can be no
 * primary.
 */
export function joinPrimary(drain: WorkerDrain): ((gone: AbortSignal) => Promise<void>) | undefined {
  const link = linkToPrimary()
  if (!link) return undefined
  if (!drains.has(drain)) {
    drains.add(drain)
    drain.once('report', () => drains.delete(drain))
    drain.on('state', (state) => {
      if (state === 'draining') applyGrace(drain)
    })
    if (gracePeriod !== undefined) logGrace(drain, gracePeriod)
    subscribe()
    if (primaryDrains) link.send({ podrain: 'joined' })
  }
  const leaves = new Set<() => void>()
  // One listener for all callers, because Node warns of more than ten.
  drain.on('state', () => {
    for (const leave of [...leaves]) leave()
  })
  return async (gone) => {
    // This worker drains at once, without waiting for the primary, because the next probe may arrive here.
    const settled = drain.prestop({ signal: gone })
    if (!primaryDrains) return settled
    const id = ++messageCount
    const allSettled = new Promise<void>((resolve) => {
      const leave = (): void => {
        prestopCallers.delete(id)
        leaves.delete(leave)
        gone.removeEventListener('abort', hangUp)
        resolve()
      }
      const hangUp = (): void => {
        link.send({ podrain: 'gone', id })
        leave()
      }
      if (drain.state !== 'draining') return resolve()
      prestopCallers.set(id, leave)
      leaves.add(leave)
      gone.addEventListener('abort', hangUp)
      link.send({ podrain: 'prestop', id })
    })
    await Promise.all([settled, allSettled])
  }
}

/** The servers that have listened. */
const listened = new Set<Server>()

/**
 * Tells the primary the address on which this worker listens. Node does not report a port to the primary that the worker opens itself
 * (`exclusive`, `reusePort`), and reports nothing of a thread.
 */
export function tellListening(server: Server): void {
  if (!primaryDrains) listened.add(server) // nobody may listen to the message yet, so it is sent again
  const address = server.address()
  linkToPrimary()?.send({
    podrain: 'listening',
    address: typeof address === 'object' ? (address ?? undefined) : undefined,
  })
}

/** Sends the outcome of a drain to the primary, which writes the container's termination message. */
export function tellOutcome(_drain: object, outcome: Outcome | undefined): void {
  linkToPrimary()?.send({ podrain: 'outcome', outcome })
}

/**
 * Resolves when this worker has received the connections that the primary has accepted for it. Otherwise the primary would reset
 * these connections when no worker listens any longer. The primary hands over one connection at a time, so the worker must ask until
 * no more come.
 */
export function handOver(): Promise<void> {
  const id = ++messageCount
  return new Promise((resolve) => {
    handOverCallers.set(id, resolve)
    linkToPrimary()?.send({ podrain: 'handOver', id })
  })
}

/**
 * The source of signals for a thread. A thread gets no signals from the operating system, so the main thread passes them on. The exit
 * ends only the thread.
 */
export const threadExit: ExitSource = {
  register(listener) {
    const remove = exitListeners.add(listener)
    subscribe()
    if (listener.signals.length > 0) warnUnlessLed(listener)
    const unregister = nodeProcess.register({ ...listener, signals: [] })
    return () => {
      remove()
      unregister()
    }
  },
}

let awaited = false

/** Warns of a thread whose main thread passes no signals on. Not under Vitest and Jest, whose test threads need no signals. */
function warnUnlessLed({ warn }: ExitListener): void {
  if (awaited || process.env.NODE_ENV === 'test') return
  awaited = true
  const check = (): void => {
    if (primaryDrains) return
    warn?.(
      'this is a worker thread, which gets no signals, and its main thread passes none on: call drainThread(drain, thread) in ' +
        'the main thread when it has started this one. Otherwise SIGTERM ends the process at once, and what this thread serves ' +
        'with it, without a drain',
    )
  }
  setTimeout(check, leadTime).unref()
}

function subscribe(): void {
  if (subscribed) return
  subscribed = true
  const link = linkToPrimary()
  link?.listen(handle)
  if (!primaryDrains) link?.send({ podrain: 'here' })
}

function handle(message: FromPrimary): void {
  switch (message.podrain) {
    case 'led':
      if (!primaryDrains && drains.size > 0) linkToPrimary()?.send({ podrain: 'joined' })
      primaryDrains = true
      for (const server of listened) if (server.listening) tellListening(server)
      listened.clear()
      break
    case 'prestop':
      void Promise.all([...drains].map((drain) => drain.prestop({ hook: false, ago: message.ago }))).then(() =>
        linkToPrimary()?.send({ podrain: 'settled' }),
      )
      break
    case 'grace':
      ;({ gracePeriod } = message)
      for (const drain of drains) {
        if (drain.state === 'draining') applyGrace(drain)
        else logGrace(drain, gracePeriod)
      }
      break
    case 'handedOver':
      handOverCallers.get(message.id)?.()
      handOverCallers.delete(message.id)
      break
    case 'answer':
      prestopCallers.get(message.id)?.()
      break
    case 'hurry':
      for (const drain of drains) void drain.start({ reason: 'SIGTERM', settle: false, within: message.within })
      break
    case 'end':
      void exitListeners.end({ signal: message.signal }).then((clean) => process.exit(clean ? 0 : 1))
      break
  }
}

/** Applies the pod's grace period to a drain that has begun. */
function applyGrace(drain: WorkerDrain): void {
  if (gracePeriod !== undefined && gracePeriod !== drain.times.gracePeriod) drain.terminating({ gracePeriod })
}

/** Logs that the primary's grace period replaces the one in the worker's options. */
function logGrace(drain: WorkerDrain, pod: number): void {
  const own = drain.times.gracePeriod
  if (own === pod) return
  drain.logger.info(
    `the grace period is ${seconds(pod)} in the primary and ${seconds(own)} in this worker's options: the primary's counts`,
  )
}
