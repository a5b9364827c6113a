type Emit = (event: string | symbol, ...args: unknown[]) => boolean
type Listener = (...args: unknown[]) => unknown

/**
 * Puts a function in the place of `process.emit`: what happens to the process comes to it first, whoever else listens and
 * whenever they began to. The listeners stay where they are, so `off()` and `listeners()` of others work as ever.
 *
 * Nothing public does the same: an emitter calls all its listeners, and one that is taken off to be called later is not found
 * by whoever wants to remove it. signal-exit, which half of npm depends on, takes the same place.
 *
 * @param first returns whether somebody listened, or undefined for what is none of its business
 * @returns the way to undo it
 */
export function comeFirst(first: (event: string | symbol, args: unknown[]) => boolean | undefined): () => void {
  let active = true
  const wasOwn = Object.hasOwn(process, 'emit')
  const emit = process.emit as Emit
  const instead: Emit = function (this: unknown, event, ...args) {
    return (active ? first(event, args) : undefined) ?? emit.call(process, event, ...args)
  }
  process.emit = instead as typeof process.emit
  return () => {
    active = false // somebody may have taken our place in turn, and calls us
    if (process.emit !== (instead as typeof process.emit)) return
    if (wasOwn) process.emit = emit as typeof process.emit
    else delete (process as Partial<typeof process>).emit
  }
}

/**
 * Node binds the `process.emit` that is there when the first listener of a signal is added. Those that were there before us
 * are added anew, so that it binds ours. For that instant, when the process starts, the signal has its default effect.
 */
export function rebind(signal: NodeJS.Signals): void {
  const listeners = process.rawListeners(signal) as NodeJS.SignalsListener[]
  process.removeAllListeners(signal)
  for (const listener of listeners) process.on(signal, listener)
}

/** The listeners of an event but those. */
export function othersOf(event: string, ours: ReadonlySet<unknown>): Listener[] {
  return (process.rawListeners(event as 'exit') as Listener[]).filter((listener) => !ours.has(listener))
}
