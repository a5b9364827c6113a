import { createHook, executionAsyncId } from 'node:async_hooks'

/** What is no work in progress, but only a step between two others. */
const steps: ReadonlySet<string> = new Set(['PROMISE', 'TickObject', 'Microtask'])

/** The work that a function has begun, whether or not it says so by a promise. */
export interface Begun<Result> {
  readonly result: Result
  /** Whether something of it is still going on: a timer, a socket, a file. */
  readonly active: boolean
  /** Stops looking. */
  release(): void
}

/**
 * Calls a function and follows what it begins, and what that begins in turn, by Node's `async_hooks`. They make everything
 * asynchronous slower while they run, so this is for a process that is about to exit.
 */
export function follow<Result>(act: () => Result): Begun<Result> {
  /** All that descends from it, and what of that is still there. */
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
