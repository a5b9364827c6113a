import type { Figure, Stretch } from '../src/show/page/drawing.js'
import type { Viewport } from './viewport.js'

/** Buttons for everything that dragging and keys do. */
export function toolbar(viewport: Viewport, figure: Figure): HTMLElement {
  const bar = document.createElement('div')
  bar.className = 'toolbar'
  bar.setAttribute('role', 'group')
  bar.setAttribute('aria-label', 'What is shown')
  const button = (text: string, label: string, act: () => void) => {
    const element = document.createElement('button')
    element.type = 'button'
    element.textContent = text
    element.title = label
    element.addEventListener('click', act)
    bar.append(element)
    return element
  }
  const stretches: Array<[HTMLButtonElement, Stretch]> = []
  const preset = (text: string, stretch: Stretch, label: string) => {
    stretches.push([button(text, label, () => viewport.show(stretch)), stretch])
  }
  preset('Whole run', viewport.whole, 'Show the whole run (0)')
  const { noun } = figure.update
  preset(`${noun[0]?.toUpperCase()}${noun.slice(1)}`, padded(figure.update, 0.02), `Show the ${noun} alone`)
  const [first, last] = [figure.losses[0]?.[0], figure.losses.at(-1)?.[0]]
  if (first !== undefined && last !== undefined) {
    preset('Losses', padded({ from: first, to: last }, 0.08), 'Show from the first loss to the last')
  }
  button('−', 'Zoom out (−)', () => viewport.zoom(2)).setAttribute('aria-label', 'Zoom out')
  button('+', 'Zoom in (+); or drag over a stretch of time', () => viewport.zoom(0.5)).setAttribute(
    'aria-label',
    'Zoom in',
  )
  const mark = () => {
    for (const [element, { from, to }] of stretches) {
      const near = (a: number, b: number) => Math.abs(a - b) < 1
      const shown =
        near(viewport.from, Math.max(from, viewport.whole.from)) && near(viewport.to, Math.min(to, viewport.whole.to))
      element.setAttribute('aria-pressed', String(shown))
    }
  }
  viewport.onChange(mark)
  mark()
  return bar
}

function padded({ from, to }: Stretch, share: number): Stretch {
  const padding = Math.max(50, (to - from) * share)
  return { from: from - padding, to: to + padding }
}
