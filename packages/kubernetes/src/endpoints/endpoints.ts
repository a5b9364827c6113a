import type { Drain, SettleCondition } from '@podrain/core'
import { Stopped } from '../api/api.js'
import { between, Pauses } from '../api/pauses.js'
import type { Services } from './services.js'

/** Within how many milliseconds the Services of a pod are learned once it is ready, and the API has worked for a while. */
const learnsWithin = 60_000
/** How often the API is asked while a draining pod may still be sent to, in milliseconds, and how long an answer holds good. */
const [askEvery, holdsFor] = [1000, 2000]
/** Milliseconds for an answer while a drain waits for it. */
const patience = 2000

export interface EndpointsOptions {
  readonly drain: Drain
  readonly services: Services
  /** Milliseconds that proxies need to follow a slice; `false` if its word is never enough to end the wait. */
  readonly settleAfter: number | false
  /** An answer came. */
  readonly onSuccess: () => void
  /** Called at every failure; it goes on by itself. */
  readonly onFailure: (error: Error) => void
}

/**
 * Whether load balancers have stopped sending to this pod, as far as slices tell. While serving it asks once which Services list the
 * pod; while draining it asks for their slices, until they say what ends the wait.
 */
export class Endpoints {
  readonly #on: EndpointsOptions
  readonly #pauses: Pauses
  /** Whether the pod is ready; undefined if that is not known. */
  #ready: boolean | undefined
  /** Whether the API has answered for a while. After an outage it has enough to do. */
  #steady = false
  /** Whether it has been asked which Services list the pod, since it is as ready as it is. Maybe none does. */
  #asked = false
  /** Counts what has been planned. A loop that finds it changed ends. */
  #plans = 0
  #cancelPlan: () => void = () => {}
  #begun = 0
  /** When the answer was asked for that listed the pod as ready. */
  #confirmedAt = Number.NEGATIVE_INFINITY
  /** When it was heard that nobody sends any more; undefined if somebody may. */
  #leftAt: number | undefined
  /** Whether that was heard again, after everybody who sends has had the time to follow. */
  #left = false

  constructor(options: EndpointsOptions) {
    this.#on = options
    this.#pauses = new Pauses(options.drain.clock)
  }

  start(): void {
    if (this.#on.drain.state === 'draining') this.drain()
  }

  /** The watch of the pod has told something. */
  podChanged(ready: boolean | undefined): void {
    if (ready === this.#ready) return
    this.#ready = ready
    this.#asked = false
    this.#planToLearn()
  }

  /** The watch of the pod has been open for a while, or is not open any more. */
  apiChanged(steady: boolean): void {
    if (steady === this.#steady) return
    this.#steady = steady
    this.#planToLearn()
  }

  /** A drain began. */
  drain(): void {
    this.#pauses.drain()
    this.#begun = this.#on.drain.clock.now()
    this.#confirmedAt = Number.NEGATIVE_INFINITY
    this.#leftAt = undefined
    this.#left = false
    // Whose permission is missing has not got it since.
    if (!this.#pauses.lasting) void this.#follow(this.#newPlan())
  }

  /** The drain is undone. */
  serve(): void {
    this.#pauses.serve()
    this.#planToLearn()
  }

  /**
   * It makes the wait longer only by what the API has confirmed a moment ago, and shortens it only by what it has said twice: that
   * the pod terminates and another one gets its requests. When that is heard the first time, clients are led away.
   */
  readonly settled: SettleCondition = () => {
    const now = this.#on.drain.clock.now()
    if (this.#on.services.slices.ready) return now < this.#confirmedAt + holdsFor ? false : undefined
    if (this.#left) return true
    return this.#leftAt === undefined ? undefined : 'soon'
  }

  stop(): void {
    this.#newPlan()
    this.#pauses.stop()
  }

  /** @returns the number of the plan, which takes the place of any other */
  #newPlan(): number {
    this.#cancelPlan()
    return ++this.#plans
  }

  #planToLearn(): void {
    const { drain, services } = this.#on
    if (drain.state !== 'serving') return
    const plan = this.#newPlan()
    if (services.learned || this.#asked || !this.#steady || this.#ready === false) return
    this.#cancelPlan = drain.clock.after(between(0, learnsWithin), () => void this.#learn(plan))
  }

  async #learn(plan: number): Promise<void> {
    while (plan === this.#plans) {
      try {
        await this.#on.services.learn()
        this.#asked = true
        this.#succeeded()
        return
      } catch (error) {
        if (plan !== this.#plans || error instanceof Stopped) return
        await this.#pauses.wait(this.#failed(error))
      }
    }
  }

  /** Asks until the end of the wait is known, or until nothing can be known. */
  async #follow(plan: number): Promise<void> {
    const { drain, services } = this.#on
    let relearned = false
    await this.#pauses.wait(between(0, askEvery / 2))
    while (plan === this.#plans) {
      const asked = drain.clock.now()
      let pause: number | undefined
      try {
        if (!services.learned) await services.learn(patience)
        else {
          await services.ask(patience)
          if (services.slices.moved && !relearned) {
            await services.learn(patience)
            relearned = true
          }
        }
        if (plan !== this.#plans) return
        this.#succeeded()
        pause = this.#heard(asked)
      } catch (error) {
        if (plan !== this.#plans || error instanceof Stopped) return
        // Then nothing is known, and nothing waits for it.
        pause = Math.max(askEvery, this.#failed(error))
      }
      if (pause === undefined || drain.clock.now() + pause > this.#begun + drain.times.settle.max) return
      await this.#pauses.wait(pause)
    }
  }

  /** @returns in how many milliseconds to ask again; undefined if nothing more can be known */
  #heard(asked: number): number | undefined {
    const { drain, services, settleAfter } = this.#on
    const { slices } = services
    if (slices.ready) {
      this.#confirmedAt = asked
      return askEvery
    }
    if (settleAfter === false || !slices.telling) return undefined
    const now = drain.clock.now()
    if (!slices.left) this.#leftAt = undefined
    else this.#leftAt ??= now
    if (this.#leftAt === undefined) return now < this.#begun + drain.times.settle.min ? askEvery : undefined
    this.#left = now >= this.#leftAt + settleAfter
    return this.#left ? undefined : this.#leftAt + settleAfter - now
  }

  #succeeded(): void {
    this.#pauses.succeeded()
    this.#on.onSuccess()
  }

  #failed(error: unknown): number {
    this.#on.onFailure(error as Error)
    return this.#pauses.after(error)
  }
}
