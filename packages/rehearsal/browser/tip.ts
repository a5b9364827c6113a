/** One line of a tip: a name and a value, or text alone. */
export interface TipLine {
  readonly name?: string
  readonly text: string
  readonly kind?: 'fix' | 'loss' | 'quiet'
}

export interface TipContent {
  readonly title: string
  readonly subtitle: string
  readonly lines: readonly TipLine[]
}

/** The box that describes what is under the pointer or has the focus. The page has one. */
export class Tip {
  readonly id = 'tip'
  readonly #box = document.createElement('div')
  #hiding: ReturnType<typeof setTimeout> | undefined

  constructor() {
    this.#box.id = this.id
    this.#box.className = 'tip'
    this.#box.setAttribute('role', 'tooltip')
    this.#box.hidden = true
    document.body.append(this.#box)
    // The pointer may enter the tip, so that its text can be selected.
    this.#box.addEventListener('pointerenter', () => clearTimeout(this.#hiding))
    this.#box.addEventListener('pointerleave', () => this.hideSoon())
  }

  get shown(): boolean {
    return !this.#box.hidden
  }

  show({ title, subtitle, lines }: TipContent, at: { x: number; y: number }): void {
    clearTimeout(this.#hiding)
    this.#box.replaceChildren(paragraph('title', title), paragraph('subtitle', subtitle), ...lines.map(element))
    this.#box.hidden = false
    const { width, height } = this.#box.getBoundingClientRect()
    const margin = 8
    const { clientWidth, clientHeight } = document.documentElement
    const left = Math.max(margin, Math.min(at.x - width / 2, clientWidth - width - margin))
    const above = at.y - height - 14
    const top = above >= margin ? above : Math.min(at.y + 22, clientHeight - height - margin)
    this.#box.style.left = `${left + window.scrollX}px`
    this.#box.style.top = `${Math.max(margin, top) + window.scrollY}px`
  }

  hide(): void {
    clearTimeout(this.#hiding)
    this.#box.hidden = true
  }

  /** Hides the tip after a moment, unless it is shown again or the pointer enters it first. */
  hideSoon(): void {
    clearTimeout(this.#hiding)
    this.#hiding = setTimeout(() => this.hide(), 150)
  }
}

function paragraph(className: string, text: string): HTMLElement {
  const element = document.createElement('p')
  element.className = className
  element.textContent = text
  return element
}

function element({ name, text, kind }: TipLine): HTMLElement {
  const line = paragraph(kind ?? '', '')
  if (name !== undefined) {
    const label = document.createElement('b')
    label.textContent = name
    line.append(label, ' ')
  }
  const value = document.createElement('bdi')
  // Text between backticks is code.
  for (const [index, part] of (kind === 'fix' ? text.split('`') : [text]).entries()) {
    const piece = document.createElement(index % 2 === 1 ? 'code' : 'span')
    piece.textContent = part
    value.append(piece)
  }
  line.append(value)
  return line
}
