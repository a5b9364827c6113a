import { replaceMethod } from '../shared/replace.js'

type Listener = (...args: unknown[]) => unknown

/**
 * Replaces `process.emit`, so that podrain sees each event before all listeners, whenever those were added. The
 * listeners stay where they are: `off()` and `listeners()` work as ever.
 *
 * Node has no public way: an emitter calls all its listeners, and a listener that was removed to be called later cannot
 * be found by `off()`. signal-exit, which half of npm depends on, replaces the same method.
 *
 * @param first Returns whether the event had listeners; undefined for an event that podrain does not handle.
 * @returns The function that undoes it.
 */
export function comeFirst(first: (event: string | symbol, args: unknown[]) => boolean | undefined): () => void {
  return replaceMethod(process, 'emit', (emit) => (event, ...args) => {
    return first(event as string | symbol, args) ?? emit(event, ...args)
  })
}

/**
 * Adds the listeners of a signal anew. Node binds the `process.emit` that exists when the first listener of a signal is
 * added, so earlier listeners would keep the original bound. For an instant, at the start of the process, the signal
 * has its default effect.
 */
export function rebind(signal: NodeJS.Signals): void {
  const listeners = process.rawListeners(signal) as NodeJS.SignalsListener[]
  process.removeAllListeners(signal)
  for (const listener of listeners) process.on(signal, listener)
}

/** The listeners of an event, except the given ones. */
export function othersOf(event: string, ours: ReadonlySet<unknown>): Listener[] {
  return (process.rawListeners(event as 'exit') as Listener[]).filter((listener) => !ours.has(listener))
}

/**
 * The listeners that were hidden from `process.listeners()`. They belong to what has started the process and not to the
 * application, and have to be called at once: tsx reports by one that the process has received the signal, and kills the
 * process if that takes more than 30 ms.
 */
export function hiddenOf(event: string): Listener[] {
  const shown = new Set<unknown>(process.listeners(event as 'exit'))
  return (process.rawListeners(event as 'exit') as Listener[]).filter(
    (listener) => !shown.has(listener) && !shown.has((listener as { listener?: unknown }).listener),
  )
}
