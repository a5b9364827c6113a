import type { Server } from 'node:net'
import { isMainThread } from 'node:worker_threads'
import type { ExitListener, ExitSource } from '../process/endings.js'
import { nodeProcess } from '../process/exit.js'
import type { MemberDrain } from './drain-view.js'
import { linkToPrimary } from './link.js'
import type { FromPrimary } from './protocol.js'

/** The drains of this worker that have control endpoints. */
const drains = new Set<MemberDrain>()
/** Those that wait for the whole pod, by the number of their question. */
const waiting = new Map<number, () => void>()
const threadListeners = new Set<ExitListener>()
let asked = 0
let listening = false
/** Whether somebody drains all workers together. A process knows, a thread is told. */
let led = isMainThread

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

/** No signal reaches a thread, so the main thread passes them on; to exit is to end the thread. */
export const threadExit: ExitSource = {
  register(listener) {
    threadListeners.add(listener)
    listen()
    const unregister = nodeProcess.register({ ...listener, signals: [] })
    return () => {
      threadListeners.delete(listener)
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
    case 'answer':
      waiting.get(message.id)?.()
      break
    case 'hurry':
      for (const drain of drains) void drain.start({ reason: 'SIGTERM', settle: false, within: message.within })
      break
    case 'end':
      void Promise.all([...threadListeners].map((listener) => listener.end({ signal: message.signal }))).then((clean) =>
        process.exit(clean.includes(false) ? 1 : 0),
      )
      break
  }
}
