import { createHook, executionAsyncId } from 'node:async_hooks'

/** Types of asynchronous resources that are not work in progress, only steps between two others. */
const steps: ReadonlySet<string> = new Set(['PROMISE', 'TickObject', 'Microtask'])

/** The asynchronous work that a function has begun, returned as a promise or not. */
export interface Begun<Result> {
  readonly result: Result
  /** Whether any of the work is in progress: a timer, a socket, a file. */
  readonly active: boolean
  /** Stops following. */
  release(): void
}

/**
 * Calls a function and follows the asynchronous work that it begins, directly or indirectly, with Node's `async_hooks`.
 * They slow down everything asynchronous, so this is only for a process that is about to exit.
 */
export function follow<Result>(act: () => Result): Begun<Result> {
  /** The ids of all resources that descend from the call, and of those that still exist. */
  const family = new Set<number>()
  const alive = new Set<number>()
  const root = executionAsyncId()
  let calling = true
  const hook = createHook({
    init(id, type) {
      const parent = executionAsyncId()
      if (!(calling && parent === root) && !family.has(parent)) return
      family.add(id)
      if (!steps.has(type)) alive.add(id)
    },
    destroy: (id) => void alive.delete(id),
  }).enable()
  try {
    return {
      result: act(),
      release: () => void hook.disable(),
      get active() {
        return alive.size > 0
      },
    }
  } catch (error) {
    hook.disable()
    throw error
  } finally {
    calling = false
  }
}
