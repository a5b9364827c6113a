import type { Drain } from '@podrain/core'
import { ApiError } from './api.js'
import type { OwnPod } from './own-pod.js'
import type { Slices } from './slices.js'

/** How often the API is asked again while a draining pod is still listed, in milliseconds, and how long an answer holds good. */
const [askEvery, holdsFor] = [1000, 2000]

export interface EndpointsOptions {
  readonly drain: Drain
  readonly pod: OwnPod
  readonly slices: Slices
  /** Milliseconds that proxies need to follow a slice; `false` if its word is never enough to end the wait. */
  readonly settleAfter: number | false
  /** Asks the API anew, for what is true now. Rejects when it does not know. */
  readonly ask: (limit: number) => Promise<unknown>
}

/** Whether load balancers have stopped sending to this pod, as far as slices tell. */
export class Endpoints {
  readonly #on: EndpointsOptions
  /** When no slice listed it as ready any more. */
  #leftAt: number | undefined
  /** When it was asked, as late as it was answered, that a slice does. */
  #confirmedAt = Number.NEGATIVE_INFINITY
  /** When the wait is over, whatever the API says. */
  #end = 0
  #cancel: () => void = () => {}
  #stopped = false

  constructor(options: EndpointsOptions) {
    this.#on = options
  }

  /** Slices or pod have changed. */
  changed(): void {
    const { drain, pod, slices } = this.#on
    const listed = slices.has('ready') || slices.has('published')
    const left = slices.known && !listed && !slices.headless && (pod.deleted || slices.terminating)
    if (!left) this.#leftAt = undefined
    else this.#leftAt ??= drain.clock.now()
  }

  /** A drain began. */
  begin(): void {
    const { clock, times } = this.#on.drain
    this.#end = clock.now() + times.settle.max
    this.#askIn(askEvery)
  }

  /**
   * It shortens the wait only by what is never taken back, that the pod terminates; and it makes it longer only by what the API
   * has confirmed a moment ago, for a watch that has gone dead looks like one in which nothing happens.
   */
  readonly settled = (): boolean | undefined => {
    const now = this.#on.drain.clock.now()
    if (this.#on.slices.has('ready')) return now < this.#confirmedAt + holdsFor ? false : undefined
    const { settleAfter } = this.#on
    if (settleAfter === false || this.#leftAt === undefined) return undefined
    return now >= this.#leftAt + settleAfter ? true : undefined
  }

  stop(): void {
    this.#stopped = true
    this.#cancel()
  }

  #askIn(ms: number): void {
    this.#cancel()
    if (!this.#stopped) this.#cancel = this.#on.drain.clock.after(ms, () => void this.#confirm())
  }

  async #confirm(): Promise<void> {
    const { drain, slices, ask } = this.#on
    const asked = drain.clock.now()
    if (drain.state !== 'draining' || asked >= this.#end || !slices.has('ready')) return
    let pause = askEvery
    try {
      await ask(askEvery)
      if (slices.has('ready')) this.#confirmedAt = asked
    } catch (error) {
      // Then nothing is known, and nothing waits for it.
      if (error instanceof ApiError) pause = Math.max(pause, error.retryAfter)
    }
    this.#askIn(pause)
  }
}
