import { select } from 'd3-selection'
import type { Figure, Stretch } from '../src/show/page/drawing.js'
import { drawLanes, placeLanes, tellLane } from './lanes.js'
import { type Layout, layOut } from './layout.js'
import { drawMarks, type Mark, tellLosses } from './marks.js'
import { drawSeries, type Extent, seriesHeight, tellLoad } from './series.js'
import type { Tip, TipContent } from './tip.js'
import { toolbar } from './toolbar.js'
import type { Viewport } from './viewport.js'

/** Pixels. A script cannot ask for the width of a printed page; this fills it. */
const printWidth = 760

/** One rehearsal on the page: the lanes of the pods, the charts of the load, and their pointer and keyboard handlers. */
export class TimelineView {
  readonly #host: HTMLElement
  readonly #figure: Figure
  readonly #viewport: Viewport
  readonly #extent: Extent
  readonly #tip: Tip
  readonly #lanes: SVGSVGElement
  readonly #series: SVGSVGElement
  #layout: Layout
  #marks: readonly Mark[] = []
  /** Where the vertical line through both drawings stands, in ms; null: it is hidden. */
  #cursor: number | null = null

  constructor(host: HTMLElement, figure: Figure, viewport: Viewport, extent: Extent, tip: Tip) {
    this.#host = host
    this.#figure = figure
    this.#viewport = viewport
    this.#extent = extent
    this.#tip = tip
    this.#layout = layOut(800, viewport)
    host.append(toolbar(viewport, figure))
    const pods = figure.lanes.length
    this.#lanes = this.#drawing(
      'lanes',
      `The states of ${pods} pods, when clients connected to them, and what was lost`,
    )
    this.#lanes.setAttribute('role', 'group')
    this.#series = this.#drawing('series', 'The time at which the load is read; arrow keys move it')
    this.#series.setAttribute('role', 'slider')
    this.#series.setAttribute('tabindex', '0')
    this.#listen()
    viewport.onChange(() => this.draw())
    new ResizeObserver(() => {
      // Drawing changes the height of the host. Only a new width needs a new drawing.
      if (this.#layout.width !== this.#width) this.draw()
    }).observe(host)
    window.addEventListener('beforeprint', () => this.draw(printWidth))
    window.addEventListener('afterprint', () => this.draw())
  }

  /** Draws everything again at this width. The mark that has the focus keeps it. */
  draw(width: number = this.#width): void {
    const focused = this.#marks.find(({ element }) => element === document.activeElement)?.bin.from
    this.#layout = layOut(width, this.#viewport)
    const lanes = clear(this.#lanes, width, placeLanes(this.#figure).height)
    drawLanes(lanes, this.#figure, this.#layout, this.#extent.podAnswers)
    this.#marks = drawMarks(lanes, this.#figure, this.#layout)
    for (const { element } of this.#marks) element.setAttribute('aria-describedby', this.#tip.id)
    drawSeries(clear(this.#series, width, seriesHeight), this.#figure, this.#layout, this.#extent)
    if (focused !== undefined) this.#focus(this.#marks.findIndex(({ bin }) => bin.to >= focused))
    this.#moveCursor(this.#cursor)
  }

  get #width(): number {
    return Math.max(280, this.#host.clientWidth)
  }

  #drawing(name: string, label: string): SVGSVGElement {
    const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg')
    svg.setAttribute('class', name)
    svg.setAttribute('aria-label', label)
    this.#host.append(svg)
    return svg
  }

  #listen(): void {
    for (const svg of [this.#lanes, this.#series]) {
      svg.addEventListener('pointermove', (event) => this.#point(svg, event))
      svg.addEventListener('pointerleave', () => this.#leave())
      this.#drag(svg)
    }
    // The listener is on the host, because Chromium makes an SVG element with a focus listener focusable itself.
    this.#host.addEventListener('focusin', (event) => {
      const mark = this.#marks.find(({ element }) => element === event.target)
      if (mark !== undefined) this.#tellMark(mark)
    })
    this.#host.addEventListener('focusout', () => this.#leave())
    this.#host.addEventListener('keydown', (event) => this.#walk(event))
    this.#series.addEventListener('focus', () => this.#read(this.#cursor ?? this.#viewport.from))
    this.#series.addEventListener('keydown', (event) => this.#slide(event))
    this.#host.addEventListener('keydown', (event) => this.#zoom(event))
  }

  #point(svg: SVGSVGElement, event: PointerEvent): void {
    const mark = this.#marks.find(({ element }) => element.contains(event.target as Node))
    const { x, y } = this.#place(svg, event)
    if (mark !== undefined) this.#tellMark(mark)
    else if (x < this.#layout.left || x > this.#layout.right) this.#leave()
    else this.#tellMoment(svg, x, y, event)
  }

  #tellMoment(svg: SVGSVGElement, x: number, y: number, { clientX, clientY }: PointerEvent): void {
    const t = this.#layout.x.invert(x)
    const nearby = this.#layout.x.invert(x + 5) - t
    const content =
      svg === this.#lanes
        ? tellLane(this.#figure, placeLanes(this.#figure).at(y), t, nearby)
        : tellLoad(this.#figure, t)
    this.#moveCursor(t)
    if (content === undefined) this.#tip.hideSoon()
    else this.#tip.show(content, { x: clientX, y: clientY })
  }

  /** The position of the pointer in the drawing's own pixels, at whatever size the browser shows it. */
  #place(svg: SVGSVGElement, event: PointerEvent): { x: number; y: number } {
    const box = svg.getBoundingClientRect()
    const scale = this.#layout.width / box.width
    return { x: (event.clientX - box.left) * scale, y: (event.clientY - box.top) * scale }
  }

  #tellMark({ element, bin }: Mark): void {
    const box = element.getBoundingClientRect()
    this.#moveCursor((bin.from + bin.to) / 2)
    this.#tip.show(tellLosses(this.#figure, bin), { x: box.left + box.width / 2, y: box.top })
  }

  /** When the pointer leaves, the tip goes back to the mark that has the focus. */
  #leave(): void {
    const focused = this.#marks.find(({ element }) => element === document.activeElement)
    if (focused !== undefined && this.#tip.shown) {
      this.#tellMark(focused)
      return
    }
    this.#tip.hideSoon()
    this.#moveCursor(null)
  }

  #moveCursor(t: number | null): void {
    this.#cursor = t ?? this.#cursor
    for (const svg of [this.#lanes, this.#series]) {
      const root = select(svg)
      root.selectAll('.cursor').remove()
      if (t === null || t < this.#viewport.from || t > this.#viewport.to) continue
      const x = this.#layout.x(t)
      const height = svg.viewBox.baseVal.height
      root
        .append('line')
        .attr('class', 'cursor')
        .attr('x1', x)
        .attr('x2', x)
        .attr('y1', 16)
        .attr('y2', height - 26)
    }
  }

  /** Arrow keys move the focus from one loss to the next. Only one loss is in the tab order. */
  #walk(event: KeyboardEvent): void {
    const index = this.#marks.findIndex(({ element }) => element === event.target)
    if (index < 0) return
    const steps: Record<string, number> = {
      ArrowRight: index + 1,
      ArrowDown: index + 1,
      ArrowLeft: index - 1,
      ArrowUp: index - 1,
      Home: 0,
      End: this.#marks.length - 1,
    }
    const next = steps[event.key]
    if (next === undefined) return
    event.preventDefault()
    this.#focus(Math.max(0, Math.min(this.#marks.length - 1, next)))
  }

  #focus(index: number): void {
    for (const [other, { element }] of this.#marks.entries())
      element.setAttribute('tabindex', other === index ? '0' : '-1')
    this.#marks[index]?.element.focus()
  }

  /** Arrow keys move the moment at which the load is read. */
  #slide(event: KeyboardEvent): void {
    const { from, to } = this.#viewport
    const t = this.#cursor ?? from
    const step = (to - from) / 200
    const moves: Record<string, number> = {
      ArrowRight: t + step,
      ArrowUp: t + step,
      ArrowLeft: t - step,
      ArrowDown: t - step,
      PageUp: t + 10 * step,
      PageDown: t - 10 * step,
      Home: from,
      End: to,
    }
    const next = moves[event.key]
    if (next === undefined) return
    event.preventDefault()
    this.#read(Math.max(from, Math.min(to, next)))
  }

  #read(t: number): void {
    this.#moveCursor(t)
    const content: TipContent | undefined = tellLoad(this.#figure, t)
    const { from, to } = this.#viewport
    const words = content === undefined ? '' : content.lines.map(({ name, text }) => `${name} ${text}`).join(', ')
    this.#series.setAttribute('aria-valuemin', from.toFixed(0))
    this.#series.setAttribute('aria-valuemax', to.toFixed(0))
    this.#series.setAttribute('aria-valuenow', t.toFixed(0))
    this.#series.setAttribute('aria-valuetext', `${content?.subtitle ?? ''}: ${words}`)
    if (content === undefined) return
    const box = this.#series.getBoundingClientRect()
    this.#tip.show(content, { x: box.left + (this.#layout.x(t) * box.width) / this.#layout.width, y: box.top + 20 })
  }

  #zoom(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const at = this.#cursor ?? undefined
    if (event.key === '+' || event.key === '=') this.#viewport.zoom(0.5, at)
    else if (event.key === '-') this.#viewport.zoom(2, at)
    else if (event.key === '0' || (event.key === 'Escape' && !this.#tip.shown))
      this.#viewport.show(this.#viewport.whole)
  }

  /** Dragging over a stretch of time zooms to it. */
  #drag(svg: SVGSVGElement): void {
    let begin: number | undefined
    svg.addEventListener('pointerdown', (event) => {
      if (event.button === 0 && event.pointerType === 'mouse') begin = this.#place(svg, event).x
    })
    svg.addEventListener('pointermove', (event) => {
      if (begin !== undefined) this.#brush(svg, begin, this.#place(svg, event).x)
    })
    window.addEventListener('pointerup', (event) => {
      if (begin === undefined) return
      const places = [begin, this.#place(svg, event).x].sort((a, b) => a - b)
      begin = undefined
      select(svg).selectAll('.brush').remove()
      const [from = 0, to = 0] = places.map((x) => this.#layout.x.invert(x))
      if ((places[1] ?? 0) - (places[0] ?? 0) > 8) this.#viewport.show({ from, to } satisfies Stretch)
    })
  }

  #brush(svg: SVGSVGElement, begin: number, end: number): void {
    const root = select(svg)
    root.selectAll('.brush').remove()
    root
      .append('rect')
      .attr('class', 'brush')
      .attr('x', Math.min(begin, end))
      .attr('width', Math.abs(end - begin))
      .attr('y', 16)
      .attr('height', Math.max(0, svg.viewBox.baseVal.height - 42))
  }
}

function clear(svg: SVGSVGElement, width: number, height: number) {
  const root = select(svg)
  root.selectAll('*').remove()
  root.attr('viewBox', `0 0 ${width} ${height}`).attr('width', width).attr('height', height)
  return root.append('g')
}
