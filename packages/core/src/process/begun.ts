import { AsyncResource, createHook, executionAsyncId, executionAsyncResource } from 'node:async_hooks'
import { types } from 'node:util'

/**
 * Types of asynchronous resources that are not work in progress: steps between two others, and objects that end only when
 * they are collected.
 */
const steps: ReadonlySet<string> = new Set(['PROMISE', 'TickObject', 'FILEHANDLE'])

/** The asynchronous work that a function has begun, returned as a promise or not. */
export interface Begun<Result> {
  readonly result: Result
  /** Whether any of the work is in progress that would keep a process alive: a timer, a socket, a file. */
  readonly active: boolean
  /** Stops following. */
  release(): void
}

/**
 * Calls a function and follows what it begins, and what that begins in turn, by Node's `async_hooks`. They make everything
 * asynchronous slower while they run, so this is for a process that is about to exit.
 *
 * What waits for a promise, or for an `AbortSignal`, that the function settles was there before it, and so descends from nothing
 * here: `await once(process, 'SIGTERM')`. It goes on in the turn of whoever has settled it. So all that is begun in a turn that
 * belongs to the function belongs to it, too. Therefore the function has a turn of its own, and so has who asks for this.
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

/** Something that is going on. Only a timer or a handle has `hasRef`. */
type Resource = WeakRef<object & { hasRef?(): boolean }>

function followInThisTurn<Result>(act: () => Result): Begun<Result> | { readonly error: unknown } {
  /** All that descends from it, and what of that is still there. */
  const family = new Set<number>()
  const alive = new Map<number, Resource>()
  /** Whether this turn of the event loop is the function's, or was begun by what it has begun. */
  let ours = true
  const hook = createHook({
    init(id, type, _trigger, resource) {
      if (!ours && !family.has(executionAsyncId())) return
      family.add(id)
      if (!steps.has(type) && !(resource instanceof AsyncResource)) alive.set(id, new WeakRef(resource))
    },
    before(id) {
      // Promises go on within a turn.
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
