import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'

/** Milliseconds from one look to the next. */
const resolution = 10

/** Measures the longest time that this thread could do nothing. */
export class HeldUp {
  readonly #delay: IntervalHistogram = monitorEventLoopDelay({ resolution })

  start(): void {
    this.#delay.enable()
  }

  stop(): void {
    this.#delay.disable()
  }

  /** In ms, so far. */
  get longest(): number {
    // The histogram counts its own period in, in ns.
    return Math.max(0, Math.round(this.#delay.max / 1e6) - resolution)
  }
}
