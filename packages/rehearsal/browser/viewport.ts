import type { Stretch } from '../src/show/page/drawing.js'

/** The stretch of time that is shown; figures that are compared share one. */
export class Viewport {
  readonly whole: Stretch
  #shown: Stretch
  readonly #listeners: Array<() => void> = []
  /** No closer than this, in ms: events are known to a tenth of a millisecond. */
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

  /** Shows this stretch, or as much of it as there is. */
  show({ from, to }: Stretch): void {
    const least = Math.min(Viewport.closest, this.whole.to - this.whole.from)
    const length = Math.max(to - from, least)
    const begin = Math.max(this.whole.from, Math.min((from + to - length) / 2, this.whole.to - length))
    this.#shown = { from: begin, to: Math.min(this.whole.to, begin + length) }
    for (const listener of this.#listeners) listener()
  }

  /** Shows `factor` times as much, with the moment `t` staying where it is. */
  zoom(factor: number, t: number = (this.from + this.to) / 2): void {
    this.show({ from: t - (t - this.from) * factor, to: t + (this.to - t) * factor })
  }
}
