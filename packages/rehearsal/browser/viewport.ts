import type { Stretch } from '../src/show/page/drawing.js'

/** The stretch of time that is shown. Figures that are compared share one viewport. */
export class Viewport {
  readonly whole: Stretch
  #shown: Stretch
  readonly #listeners: Array<() => void> = []
  /** The shortest stretch that can be shown, in ms. Events are recorded to a tenth of a millisecond. */
  static readonly closest = 20

  constructor(whole: Stretch) {
    this.whole = whole
    this.#shown = whole
  }

  get from(): number {
    return this.#shown.from
  }

  get to(): number {
    return this.#shown.to
  }

  get zoomed(): boolean {
    return this.from > this.whole.from || this.to < this.whole.to
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener)
  }

  /** Shows this stretch, as far as it lies within the whole run. */
  show({ from, to }: Stretch): void {
    const least = Math.min(Viewport.closest, this.whole.to - this.whole.from)
    const length = Math.max(to - from, least)
    const begin = Math.max(this.whole.from, Math.min((from + to - length) / 2, this.whole.to - length))
    this.#shown = { from: begin, to: Math.min(this.whole.to, begin + length) }
    for (const listener of this.#listeners) listener()
  }

  /** Shows `factor` times as much time. The time `t` stays at the same place. */
  zoom(factor: number, t: number = (this.from + this.to) / 2): void {
    this.show({ from: t - (t - this.from) * factor, to: t + (this.to - t) * factor })
  }
}
