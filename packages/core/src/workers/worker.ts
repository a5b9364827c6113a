import type { Server } from 'node:net'
import { isMainThread } from 'node:worker_threads'
import { nodeProcess } from '../process/exit.js'
import { ExitListeners, type ExitSource } from '../process/exit-listeners.js'
import { seconds } from '../shared/log.js'
import type { MemberDrain } from './drain-view.js'
import { linkToPrimary } from './link.js'
import type { FromPrimary } from './protocol.js'

/** The drains of this worker that have control endpoints. */
const drains = new Set<MemberDrain>()
/** Those that wait for the whole pod, by the number of their question. */
const waiting = new Map<number, () => void>()
/** The drains of this thread, which end before it does. */
const exitListeners = new ExitListeners()
let asked = 0
let listening = false
/** Whether somebody drains all workers together. A process knows, a thread is told. */
let led = isMainThread
/** The pod's grace period, once the primary has said it. */
let gracePeriod: number | undefined
/** Those who wait for what the primary has accepted for this worker, by the number of their question. */
const handingOver = new Map<number, () => void>()

/**
 * In a worker, joins the drain with those of all other workers.
 * @returns What `/prestop` is to wait for there, which is all of them; undefined where there can be no primary.
 */
export function joinPrimary(drain: MemberDrain): ((gone: AbortSignal) => Promise<void>) | undefined {
  const link = linkToPrimary()
  if (!link) return undefined
  if (!drains.has(drain)) {
    drains.add(drain)
    drain.once('report', () => drains.delete(drain))
    drain.on('state', (state) => {
      if (state === 'draining') heedGrace(drain)
    })
    if (gracePeriod !== undefined) sayGrace(drain, gracePeriod)
    listen()
    if (led) link.send({ podrain: 'joined' })
  }
  const leaves = new Set<() => void>()
  // One listener for all callers: Node warns of more than ten.
  drain.on('state', () => {
    for (const leave of [...leaves]) leave()
  })
  return async (gone) => {
    // This one without a detour: the next probe may come here.
    const settled = drain.prestop({ gone })
    if (!led) return settled
    const id = ++asked
    const answered = new Promise<void>((resolve) => {
      const leave = (): void => {
        waiting.delete(id)
        leaves.delete(leave)
        gone.removeEventListener('abort', hangUp)
        resolve()
      }
      const hangUp = (): void => {
        link.send({ podrain: 'gone', id })
        leave()
      }
      if (drain.state !== 'draining') return resolve()
      waiting.set(id, leave)
      leaves.add(leave)
      gone.addEventListener('abort', hangUp)
      link.send({ podrain: 'prestop', id })
    })
    await Promise.all([settled, answered])
  }
}

/** Tells the primary where a worker of node:cluster listens: a primary does not hear of a port of its own (`exclusive`, `reusePort`). */
export function tellListening(server: Server): void {
  const address = server.address()
  linkToPrimary()?.send({
    podrain: 'listening',
    address: typeof address === 'object' ? (address ?? undefined) : undefined,
  })
}

/**
 * Resolves when the connections have come that the primary had accepted for this worker by now: it resets them when nobody
 * listens any more. It gives a worker the next one when that has taken the last, so there may be more: ask until none comes.
 */
export function handOver(): Promise<void> {
  const id = ++asked
  return new Promise((resolve) => {
    handingOver.set(id, resolve)
    linkToPrimary()?.send({ podrain: 'handOver', id })
  })
}

/** No signal reaches a thread, so the main thread passes them on; to exit is to end the thread. */
export const threadExit: ExitSource = {
  register(listener) {
    const remove = exitListeners.add(listener)
    listen()
    const unregister = nodeProcess.register({ ...listener, signals: [] })
    return () => {
      remove()
      unregister()
    }
  },
}

function listen(): void {
  if (listening) return
  listening = true
  const link = linkToPrimary()
  link?.listen(obey)
  if (!led) link?.send({ podrain: 'here' })
}

function obey(message: FromPrimary): void {
  switch (message.podrain) {
    case 'led':
      if (!led && drains.size > 0) linkToPrimary()?.send({ podrain: 'joined' })
      led = true
      break
    case 'prestop':
      void Promise.all([...drains].map((drain) => drain.prestop({ hook: false, ago: message.ago }))).then(() =>
        linkToPrimary()?.send({ podrain: 'settled' }),
      )
      break
    case 'grace':
      ;({ gracePeriod } = message)
      for (const drain of drains) {
        if (drain.state === 'draining') heedGrace(drain)
        else sayGrace(drain, gracePeriod)
      }
      break
    case 'handedOver':
      handingOver.get(message.id)?.()
      handingOver.delete(message.id)
      break
    case 'answer':
      waiting.get(message.id)?.()
      break
    case 'hurry':
      for (const drain of drains) void drain.start({ reason: 'SIGTERM', settle: false, within: message.within })
      break
    case 'end':
      void exitListeners.end({ signal: message.signal }).then((clean) => process.exit(clean ? 0 : 1))
      break
  }
}

/** The drain has begun: from here on its time is the pod's. */
function heedGrace(drain: MemberDrain): void {
  if (gracePeriod !== undefined && gracePeriod !== drain.times.gracePeriod) drain.terminating({ gracePeriod })
}

/** The line at the start says what the worker's own options make of it. */
function sayGrace(drain: MemberDrain, pod: number): void {
  const own = drain.times.gracePeriod
  if (own === pod) return
  drain.logger.info(
    `the primary has ${seconds(pod)} of grace period, this worker's options ${seconds(own)}: the primary's counts`,
  )
}
