import type { EventEmitter } from 'node:events'

// biome-ignore lint/suspicious/noExplicitAny: of any event
type Listener = (...args: any[]) => unknown
/** Gets the first two arguments of an event. The further arguments of the events here do not matter to podrain. */
type Interceptor = (one: never, two: never) => boolean
type Last = (result: unknown, one: never, two: never) => void

/** The replaced `emit` of one emitter. */
interface Place {
  /** The interceptors by event. */
  readonly interceptors: Map<string | symbol, Interceptor[]>
  /** Must be called after each change of `interceptors`. */
  changed(): void
  /** Restores `emit`. */
  leave(): void
}

const places = new WeakMap<EventEmitter, Place>()

/**
 * Calls a function before the application's listeners of an event. Without such listeners the function is not called, because
 * Node then handles some events itself: it emits 'request' for an upgrade if 'upgrade' has no listeners.
 *
 * @returns The function that undoes it.
 */
export function callBefore(
  server: EventEmitter,
  event: string,
  interceptor: (one: never, two: never) => unknown,
): () => void {
  return addInterceptor(server, event, (one, two) => {
    interceptor(one, two)
    return false
  })
}

/**
 * Calls an interceptor before the application's listeners of an event. If the interceptor returns true, the listeners are not
 * called. Several interceptors are called in the order in which they were added, until one returns true.
 *
 * @param last Gets what a listener returned, unless that is undefined. It misses listeners that were added with `once`, and
 * listeners that a library calls itself, as socket.io does.
 * @returns The function that undoes it.
 */
export function intercept(server: EventEmitter, event: string, interceptor: Interceptor, last?: Last): () => void {
  const leave = addInterceptor(server, event, interceptor)
  const stop = last ? observe(server, event, last) : () => {}
  return () => {
    leave()
    stop()
  }
}

function addInterceptor(server: EventEmitter, event: string, interceptor: Interceptor): () => void {
  const place = places.get(server) ?? replaceEmit(server)
  const { interceptors } = place
  interceptors.set(event, [...(interceptors.get(event) ?? []), interceptor])
  place.changed()
  return () => {
    const others = (interceptors.get(event) ?? []).filter((other) => other !== interceptor)
    if (others.length > 0) interceptors.set(event, others)
    else interceptors.delete(event)
    place.changed()
    if (interceptors.size === 0) place.leave()
  }
}

/**
 * Replaces the method `emit` of one emitter. A listener of ours is not enough: the application can prepend another listener, and
 * a listener cannot stop the event. With a replaced `emit`, the application adds, finds, replaces and removes its listeners as
 * before.
 */
function replaceEmit(server: EventEmitter): Place {
  const own = Object.getOwnPropertyDescriptor(server, 'emit')
  // An inherited `emit` is looked up at each event, because a tracing library may later replace it on the prototype.
  const behind: EventEmitter = own ? { emit: own.value } : Object.getPrototypeOf(server)
  const interceptors: Place['interceptors'] = new Map()
  /** The interceptors of 'request', so that a request costs no lookup. */
  let forRequests: readonly Interceptor[] | undefined
  // This is the hot path of every request. It allocates no list of arguments, and loops by index so that V8 can inline
  // it.
  function emit(event: string | symbol, one: never, two: never): boolean {
    const before = event === 'request' ? forRequests : interceptors.get(event)
    if (before !== undefined && server.listenerCount(event) > 0) {
      for (let index = 0; index < before.length; index++) {
        if ((before[index] as Interceptor)(one, two)) return true
      }
    }
    // biome-ignore-start lint/complexity/noArguments: listeners see the number of arguments, and a rest parameter would allocate
    if (arguments.length === 3) return behind.emit.call(server, event, one, two)
    return behind.emit.apply(server, arguments as never)
    // biome-ignore-end lint/complexity/noArguments: listeners see the number of arguments, and a rest parameter would allocate
  }
  const place: Place = {
    interceptors,
    changed() {
      forRequests = interceptors.get('request')
    },
    leave() {
      places.delete(server)
      // If another library has replaced our `emit` since, ours stays, and does nothing.
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
 * Observes what the listeners of an event return. Each listener is wrapped as Node wraps a listener that is added with `once`:
 * `off` and `listeners` recognise the original by the property `listener`. The wrapper returns the result to the emitter, which
 * needs it for `captureRejections`.
 *
 * @returns The function that undoes it.
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

/** Replaces each listener of an event. */
function replace(server: EventEmitter, event: string, by: (listener: Listener) => Listener): void {
  const listeners = server.rawListeners(event) as Listener[]
  server.removeAllListeners(event)
  for (const listener of listeners) server.on(event, by(listener))
}

/**
 * Whether the emitter handles rejections of its listeners (`captureRejections`). Node has no public property for that option. So
 * this function emits a private event, and checks whether the emitter reads the `then` of the result.
 */
export function capturesRejections(server: EventEmitter): boolean {
  const event = Symbol('podrain.captures')
  let wasRead = false
  server.once(event, () => ({
    // biome-ignore lint/suspicious/noThenProperty: the emitter reads this property
    get then() {
      wasRead = true
      return undefined
    },
  }))
  server.emit(event)
  return wasRead
}

/** Calls `update` now, and in a microtask after each change to the listeners of the event. */
function onChange(server: EventEmitter, event: string, update: () => void): () => void {
  let stopped = false
  const updateUnlessStopped = (): void => {
    if (!stopped) update()
  }
  const changed = (name: string | symbol): void => {
    if (name === event) queueMicrotask(updateUnlessStopped)
  }
  update()
  server.on('newListener', changed)
  server.on('removeListener', changed)
  return () => {
    stopped = true
    server.removeListener('newListener', changed)
    server.removeListener('removeListener', changed)
  }
}
