import type { EventEmitter } from 'node:events'

// biome-ignore lint/suspicious/noExplicitAny: of any event
type Listener = (...args: any[]) => unknown

/**
 * Calls a listener before those of the application, and only beside them: ours alone would change what Node does (an
 * 'upgrade' that nobody listens for is answered like any request). Libraries that rearrange the listeners of a server, as
 * socket.io does, do not get rid of it; they may call it twice for one event.
 *
 * @returns the way to undo it
 */
export function precede(server: EventEmitter, event: string, listener: Listener): () => void {
  const stop = onChange(server, event, () => {
    const [first, ...others] = server.rawListeners(event)
    if (first === listener && others.length > 0) return
    server.removeListener(event, listener)
    if (server.listenerCount(event) > 0) server.prependListener(event, listener)
  })
  return () => {
    stop()
    server.removeListener(event, listener)
  }
}

type First = (...args: never[]) => boolean
type Last = (result: unknown, ...args: never[]) => void

/**
 * Puts a listener in the place of the application's, which are called unless it returns true.
 * @param last gets what each of them returns
 * @returns the way to undo it
 */
export function standBefore(server: EventEmitter, event: string, first: First, last: Last = () => {}): () => void {
  let behind: Listener[] = []
  let dispatch = dispatcher(first, behind, last)
  const stop = onChange(server, event, () => {
    const listeners = server.rawListeners(event) as Listener[]
    const others = listeners.filter((listener) => listener !== dispatch)
    if (others.length === 0) return
    if (behind.length > 0 && !listeners.includes(dispatch)) {
      // Somebody took it off to call it himself. What is behind it stays there, or the two would call each other.
      behind = []
      dispatch = dispatcher(first, behind, last)
    }
    behind.push(...others)
    for (const listener of others) server.removeListener(event, listener)
    if (!listeners.includes(dispatch)) server.on(event, dispatch)
  })
  return () => {
    stop()
    server.removeListener(event, dispatch)
    for (const listener of behind) server.on(event, listener)
  }
}

/**
 * What the listeners return goes back to the emitter, which looks at it under `captureRejections`. They get two arguments,
 * as 'request' has, or three, as 'upgrade': a list of them would be allocated for every request. And with an index it is short
 * enough for V8 to inline.
 */
function dispatcher(first: First, behind: readonly Listener[], last: Last): Listener {
  return function (this: unknown, one: never, two: never, three?: never) {
    if (first(one, two)) return undefined
    let result: unknown
    for (let index = 0; index < behind.length; index++) {
      const listener = behind[index] as Listener
      const returned = three === undefined ? listener.call(this, one, two) : listener.call(this, one, two, three)
      if (returned === undefined) continue
      last(returned, one, two)
      result = result === undefined ? returned : Promise.all([result, returned])
    }
    return result
  }
}

/** Whether the emitter looks after what its listeners reject with, as `captureRejections` says. */
export function captures(server: EventEmitter): boolean {
  const event = Symbol('podrain.captures')
  let looked = false
  server.once(event, () => ({
    // biome-ignore lint/suspicious/noThenProperty: that is what it would look at
    get then() {
      looked = true
      return undefined
    },
  }))
  server.emit(event)
  return looked
}

/** Calls `settle` now, and soon after the listeners of the event have changed. */
function onChange(server: EventEmitter, event: string, settle: () => void): () => void {
  let stopped = false
  const settleUnlessStopped = (): void => {
    if (!stopped) settle()
  }
  const changed = (name: string | symbol): void => {
    if (name === event) queueMicrotask(settleUnlessStopped)
  }
  settle()
  server.on('newListener', changed)
  server.on('removeListener', changed)
  return () => {
    stopped = true
    server.removeListener('newListener', changed)
    server.removeListener('removeListener', changed)
  }
}
