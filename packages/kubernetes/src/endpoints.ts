import type { Drain } from '@podrain/core'
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
  #cancel: () => void = () => {}
  #stopped = false

  constructor(options: EndpointsOptions) {
    this.#on = options
  }

  /** Slices or pod have changed. */
  changed(): void {
    const { drain, pod, slices } = this.#on
    const left = slices.known && !slices.has('ready') && !slices.has('published') && (pod.deleted || slices.terminating)
    if (!left) this.#leftAt = undefined
    else this.#leftAt ??= drain.clock.now()
  }

  /** A drain began. */
  begin(): void {
    this.#cancel()
    if (this.#stopped) return
    this.#cancel = this.#on.drain.clock.after(askEvery, () => void this.#confirm())
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

  async #confirm(): Promise<void> {
    const { drain, slices, ask } = this.#on
    if (this.#stopped || drain.state !== 'draining' || !slices.has('ready')) return
    const asked = drain.clock.now()
    try {
      await ask(askEvery)
      if (slices.has('ready')) this.#confirmedAt = asked
    } catch {
      // Then nothing is known, and nothing waits for it.
    }
    this.begin()
  }
}
