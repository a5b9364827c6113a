import type { EventEmitter } from 'node:events'

// biome-ignore lint/suspicious/noExplicitAny: of any event
type Listener = (...args: any[]) => unknown
/** It is given two arguments of an event: nobody here needs more. */
type First = (one: never, two: never) => boolean
type Last = (result: unknown, one: never, two: never) => void

/** What comes first, by event. */
interface Place {
  readonly firsts: Map<string | symbol, First[]>
  leave(): void
}

const places = new WeakMap<EventEmitter, Place>()

/**
 * Calls a function before the listeners of the application, and only where there are any: without, Node does something of
 * its own (an 'upgrade' that nobody listens for is answered like any request).
 *
 * @returns the way to undo it
 */
export function precede(server: EventEmitter, event: string, first: (one: never, two: never) => unknown): () => void {
  return stand(server, event, (one, two) => {
    first(one, two)
    return false
  })
}

/**
 * Puts a function in front of the listeners of the application, which are called unless it returns true. Of several, those
 * that came earlier are asked first, and the first that returns true is the last that is asked.
 *
 * @param last Gets what a listener returns, unless that is undefined. Not seen is what one returns that was added with
 * `once`, or that a library calls in the place of the server, as socket.io does.
 * @returns the way to undo it
 */
export function standBefore(server: EventEmitter, event: string, first: First, last?: Last): () => void {
  const leave = stand(server, event, first)
  const stop = last ? observe(server, event, last) : () => {}
  return () => {
    leave()
    stop()
  }
}

function stand(server: EventEmitter, event: string, first: First): () => void {
  const place = places.get(server) ?? take(server)
  const { firsts } = place
  firsts.set(event, [...(firsts.get(event) ?? []), first])
  return () => {
    const others = (firsts.get(event) ?? []).filter((other) => other !== first)
    if (others.length > 0) firsts.set(event, others)
    else firsts.delete(event)
    if (firsts.size === 0) place.leave()
  }
}

/**
 * Takes the place of `emit`, on this server alone. No listener can be in front of others for good, as any may be put before
 * it, and none can keep an event from the others. So what the server's listeners are is the application's affair: it adds,
 * finds, replaces and removes them as if nobody were here.
 */
function take(server: EventEmitter): Place {
  const own = Object.getOwnPropertyDescriptor(server, 'emit')
  // Looked up at each event where it is inherited: tracing replaces it on the prototype, and may begin later than we do.
  const behind: EventEmitter = own ? { emit: own.value } : Object.getPrototypeOf(server)
  const firsts: Place['firsts'] = new Map()
  // Every request comes by here. So there is no list of the arguments, and an index, which V8 takes in where it is called.
  function emit(event: string | symbol, one: never, two: never): boolean {
    const before = firsts.get(event)
    if (before !== undefined && server.listenerCount(event) > 0) {
      for (let index = 0; index < before.length; index++) {
        if ((before[index] as First)(one, two)) return true
      }
    }
    // biome-ignore-start lint/complexity/noArguments: listeners see how many there are, and a list would be allocated
    if (arguments.length === 3) return behind.emit.call(server, event, one, two)
    return behind.emit.apply(server, arguments as never)
    // biome-ignore-end lint/complexity/noArguments: listeners see how many there are, and a list would be allocated
  }
  const place: Place = {
    firsts,
    leave() {
      places.delete(server)
      // Somebody may have taken the place of ours in turn. Then it stays, and does nothing.
      if (server.emit !== emit) return
      if (own) Object.defineProperty(server, 'emit', own)
      else Reflect.deleteProperty(server, 'emit')
    },
  }
  places.set(server, place)
  Object.defineProperty(server, 'emit', { value: emit, configurable: true, writable: true, enumerable: false })
  return place
}

type Observer = Listener & { readonly listener: Listener }

/**
 * Looks at what the listeners of an event return. Each is wrapped as Node itself wraps one that is added with `once`: `off`
 * and `listeners` take the `listener` of a function for the function. What it returns goes back to the emitter, which looks
 * at it under `captureRejections`.
 *
 * @returns the way to undo it
 */
function observe(server: EventEmitter, event: string, last: Last): () => void {
  const observers = new WeakSet<Listener>()
  const observer = (listener: Listener): Observer => {
    const observing = function (this: unknown, one: never, two: never, three?: never): unknown {
      const result = three === undefined ? listener.call(this, one, two) : listener.call(this, one, two, three)
      if (result !== undefined) last(result, one, two)
      return result
    }
    observers.add(observing)
    return Object.assign(observing, { listener })
  }
  const isPlain = (listener: Listener): boolean => !('listener' in listener)
  const stop = onChange(server, event, () => {
    const listeners = server.rawListeners(event) as Listener[]
    if (listeners.some(isPlain)) {
      replace(server, event, (listener) => (isPlain(listener) ? observer(listener) : listener))
    }
  })
  return () => {
    stop()
    replace(server, event, (listener) => (observers.has(listener) ? (listener as Observer).listener : listener))
  }
}

/** Puts something in the place of each listener. */
function replace(server: EventEmitter, event: string, by: (listener: Listener) => Listener): void {
  const listeners = server.rawListeners(event) as Listener[]
  server.removeAllListeners(event)
  for (const listener of listeners) server.on(event, by(listener))
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
