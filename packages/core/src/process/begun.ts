import { AsyncResource, createHook, executionAsyncId, executionAsyncResource } from 'node:async_hooks'
import { types } from 'node:util'

/**
 * Types of asynchronous resources that do not count as work in progress: steps between two other resources, and objects that end
 * only when they are garbage-collected.
 */
const steps: ReadonlySet<string> = new Set(['PROMISE', 'TickObject', 'FILEHANDLE'])

/** The asynchronous work that a function has begun, returned as a promise or not. */
export interface Begun<Result> {
  readonly result: Result
  /** Whether some work is in progress that keeps a process alive: a timer, a socket, a file operation. */
  readonly active: boolean
  /** Stops following. */
  release(): void
}

/**
 * Calls a function and follows the asynchronous work that it begins, directly or through other work, by Node's `async_hooks`. The
 * hooks make all asynchronous operations slower, so this is only for a process that is about to exit.
 *
 * Some work cannot be traced to the function: `await once(process, 'SIGTERM')` began waiting before the call, and goes on in the
 * same turn of the event loop when the function emits the event. The same holds for other promises, and for an `AbortSignal`. So all
 * work that begins in a turn of the function counts as its work. For that, the function gets a turn of its own, and the returned
 * promise resolves in another turn.
 */
export function follow<Result>(act: () => Result): Promise<Begun<Result>> {
  return new Promise((resolve, reject) => {
    let outcome: () => void
    setImmediate(() => {
      const following = followInThisTurn(act)
      outcome = () => {
        if ('error' in following) reject(following.error)
        else resolve(following)
      }
    })
    setImmediate(() => outcome())
  })
}

/** Work in progress. Only a timer or a handle has `hasRef`. */
type Resource = WeakRef<object & { hasRef?(): boolean }>

function followInThisTurn<Result>(act: () => Result): Begun<Result> | { readonly error: unknown } {
  /** The ids of all resources that the function has begun, directly or through others. */
  const family = new Set<number>()
  /** Those of them that have not ended. */
  const alive = new Map<number, Resource>()
  /** Whether the present turn of the event loop belongs to the function, or to a resource that it has begun. */
  let ours = true
  const hook = createHook({
    init(id, type, _trigger, resource) {
      if (!ours && !family.has(executionAsyncId())) return
      family.add(id)
      if (!steps.has(type) && !(resource instanceof AsyncResource)) alive.set(id, new WeakRef(resource))
    },
    before(id) {
      // A promise does not begin a turn.
      if (!types.isPromise(executionAsyncResource())) ours = family.has(id)
    },
    destroy: (id) => void alive.delete(id),
  }).enable()
  try {
    return {
      result: act(),
      release: () => void hook.disable(),
      get active() {
        return [...alive.values()].some(isActive)
      },
    }
  } catch (error) {
    hook.disable()
    return { error }
  }
}

function isActive(resource: Resource): boolean {
  const found = resource.deref()
  return found !== undefined && (found.hasRef?.() ?? true)
}
