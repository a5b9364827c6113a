import { replaceMethod } from '../shared/replace.js'

type Listener = (...args: unknown[]) => unknown

/**
 * Replaces `process.emit`, so that podrain sees each event before all listeners, even before listeners that are added first. The
 * listeners stay where they are, so `off()` and `listeners()` work as before.
 *
 * Node has no public API for that: an emitter calls all its listeners, and `off()` cannot find a listener that was removed to be
 * called later. signal-exit, on which much of npm depends, replaces the same method.
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
 * Removes the listeners of a signal and adds them again. When the first listener of a signal is added, Node binds the present
 * `process.emit`. So a signal with earlier listeners would bypass the replaced `emit`. Between removing and adding, the signal has
 * its default effect.
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
 * The listeners that a tool has hidden from `process.listeners()`. They belong to the tool that has started the process, and must
 * be called at once: the listener of tsx reports that the process has received the signal, and tsx kills the process if the report
 * takes more than 30 ms.
 */
export function hiddenOf(event: string): Listener[] {
  const shown = new Set<unknown>(process.listeners(event as 'exit'))
  return (process.rawListeners(event as 'exit') as Listener[]).filter(
    (listener) => !shown.has(listener) && !shown.has((listener as { listener?: unknown }).listener),
  )
}
