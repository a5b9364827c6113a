import type { Drain, SettleCondition } from '@podrain/core'
import { Stopped } from '../api/api.js'
import { Backoff, randomBetween } from '../api/backoff.js'
import type { Services } from './services.js'

/** The longest pause, in milliseconds, before a ready pod asks for its Services. It asks only if the API works steadily. */
const learnWithin = 60_000
/** Milliseconds between two requests while the pod drains. */
const askEvery = 1000
/** Milliseconds for which a response counts. */
const validFor = 2000
/** Milliseconds for a response while the pod drains. */
const responseTimeout = 2000

export interface EndpointsOptions {
  readonly drain: Drain
  readonly services: Services
  /** Milliseconds that load balancers need to follow a slice. `false` if slices may not end the wait early. */
  readonly settleAfter: number | false
  /** Called when a request has succeeded. */
  readonly onSuccess: () => void
  /** Called at every failure. The request is repeated without further calls. */
  readonly onFailure: (error: Error) => void
}

/**
 * Finds out by EndpointSlices whether load balancers have stopped sending to this pod. While the pod serves, it asks once which Services
 * list the pod. While the pod drains, it asks for their slices every second, until they show that nothing routes to the pod any more.
 */
export class Endpoints {
  readonly #options: EndpointsOptions
  readonly #backoff: Backoff
  /** Whether the pod is ready. undefined if that is not known. */
  #ready: boolean | undefined
  /** Whether the API has worked for a while. After an outage, the pod waits with its questions. */
  #steady = false
  /** Whether the pod has asked for its Services since its readiness last changed. The answer may be that no Service lists it. */
  #asked = false
  /** Number of plans so far. A loop ends if its plan is not the newest. */
  #plans = 0
  #cancelPlan: () => void = () => {}
  /** When the drain began. */
  #begun = 0
  /** The time of the last request whose response listed the pod as ready. */
  #confirmedAt = Number.NEGATIVE_INFINITY
  /** The time since which slices show that nothing routes to the pod any more. undefined if they do not show that. */
  #settledAt: number | undefined
  /** Whether slices have shown that again, after `settleAfter`. */
  #isSettled = false

  constructor(options: EndpointsOptions) {
    this.#options = options
    this.#backoff = new Backoff(options.drain.clock)
  }

  start(): void {
    if (this.#options.drain.state === 'draining') this.drain()
  }

  /** Called when the watch of the pod has brought an event. */
  podChanged(ready: boolean | undefined): void {
    if (ready === this.#ready) return
    this.#ready = ready
    this.#asked = false
    this.#planToLearn()
  }

  /** Called when the watch of the pod is steady, or has ended. */
  apiChanged(steady: boolean): void {
    if (steady === this.#steady) return
    this.#steady = steady
    this.#planToLearn()
  }

  /** Called when a drain begins. */
  drain(): void {
    this.#backoff.drain()
    this.#begun = this.#options.drain.clock.now()
    this.#confirmedAt = Number.NEGATIVE_INFINITY
    this.#settledAt = undefined
    this.#isSettled = false
    // A permission that was missing is most probably still missing.
    if (!this.#backoff.lasting) void this.#follow(this.#newPlan())
  }

  /** Called when the drain is undone. */
  serve(): void {
    this.#backoff.serve()
    this.#planToLearn()
  }

  /**
   * The condition for `Drain.settledWhen`. It makes the wait longer only if a recent response lists the pod as ready. It makes the wait
   * shorter only if two responses show that the pod terminates and that another pod gets its requests. After the first of these two
   * responses, clients are shed.
   */
  readonly settled: SettleCondition = () => {
    const now = this.#options.drain.clock.now()
    if (this.#options.services.slices.ready) return now < this.#confirmedAt + validFor ? false : undefined
    if (this.#isSettled) return true
    return this.#settledAt === undefined ? undefined : 'soon'
  }

  stop(): void {
    this.#newPlan()
    this.#backoff.stop()
  }

  /** Cancels the present plan. Returns the number of the new one. */
  #newPlan(): number {
    this.#cancelPlan()
    return ++this.#plans
  }

  #planToLearn(): void {
    const { drain, services } = this.#options
    if (drain.state !== 'serving') return
    const plan = this.#newPlan()
    if (services.learned || this.#asked || !this.#steady || this.#ready === false) return
    this.#cancelPlan = drain.clock.after(randomBetween(0, learnWithin), () => void this.#learn(plan))
  }

  async #learn(plan: number): Promise<void> {
    while (plan === this.#plans) {
      try {
        await this.#options.services.learn()
        this.#asked = true
        this.#succeeded()
        return
      } catch (error) {
        if (plan !== this.#plans || error instanceof Stopped) return
        await this.#backoff.wait(this.#failed(error))
      }
    }
  }

  /** Asks until the wait may end, or until slices cannot show that. */
  async #follow(plan: number): Promise<void> {
    const { drain, services } = this.#options
    let relearned = false
    await this.#backoff.wait(randomBetween(0, askEvery / 2))
    while (plan === this.#plans) {
      const asked = drain.clock.now()
      let pause: number | undefined
      try {
        if (!services.learned) await services.learn(responseTimeout)
        else {
          await services.ask(responseTimeout)
          if (services.slices.moved && !relearned) {
            await services.learn(responseTimeout)
            relearned = true
          }
        }
        if (plan !== this.#plans) return
        this.#succeeded()
        pause = this.#evaluate(asked)
      } catch (error) {
        if (plan !== this.#plans || error instanceof Stopped) return
        // After a failure the condition is undefined, so the drain does not wait for this request.
        pause = Math.max(askEvery, this.#failed(error))
      }
      if (pause === undefined || drain.clock.now() + pause > this.#begun + drain.times.settle.max) return
      await this.#backoff.wait(pause)
    }
  }

  /** Evaluates a response. Returns the milliseconds until the next request. undefined if no further request is needed. */
  #evaluate(asked: number): number | undefined {
    const { drain, services, settleAfter } = this.#options
    const { slices } = services
    if (slices.ready) {
      this.#confirmedAt = asked
      return askEvery
    }
    if (settleAfter === false || !slices.conclusive) return undefined
    const now = drain.clock.now()
    if (!slices.settled) this.#settledAt = undefined
    else this.#settledAt ??= now
    if (this.#settledAt === undefined) return now < this.#begun + drain.times.settle.min ? askEvery : undefined
    this.#isSettled = now >= this.#settledAt + settleAfter
    return this.#isSettled ? undefined : this.#settledAt + settleAfter - now
  }

  #succeeded(): void {
    this.#backoff.succeeded()
    this.#options.onSuccess()
  }

  #failed(error: unknown): number {
    this.#options.onFailure(error as Error)
    return this.#backoff.after(error)
  }
}
