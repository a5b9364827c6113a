import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'

/** ms from one measurement to the next. */
const resolution = 10

/** Measures the longest delay of this thread's event loop. */
export class HeldUp {
  readonly #delay: IntervalHistogram = monitorEventLoopDelay({ resolution })

  start(): void {
    this.#delay.enable()
  }

  stop(): void {
    this.#delay.disable()
  }

  /** The longest delay so far, in ms. */
  get longest(): number {
    // The histogram is in ns, and its values include its own period.
    return Math.max(0, Math.round(this.#delay.max / 1e6) - resolution)
  }
}
