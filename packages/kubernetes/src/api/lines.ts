/** Joins pieces of text to lines. A line that is longer than `longest` is an error, so that memory is bounded. */
export class Lines {
  readonly #longest: number
  readonly #onLine: (line: string) => void
  #rest: string[] = []
  #length = 0

  constructor(longest: number, onLine: (line: string) => void) {
    this.#longest = longest
    this.#onLine = onLine
  }

  /** @throws {Error} if a line is too long, and what `onLine` throws */
  push(piece: string): void {
    let from = 0
    for (let end = piece.indexOf('\n'); end !== -1; end = piece.indexOf('\n', from)) {
      this.#keep(piece.slice(from, end))
      this.flush()
      from = end + 1
    }
    this.#keep(piece.slice(from))
  }

  /** Called at the end of the text. The last line may have no newline. */
  flush(): void {
    const line = this.#rest.join('')
    this.#rest = []
    this.#length = 0
    if (line.trim() !== '') this.#onLine(line)
  }

  #keep(piece: string): void {
    if (piece === '') return
    this.#length += piece.length
    if (this.#length > this.#longest) throw new Error(`a line has more than ${this.#longest} characters`)
    this.#rest.push(piece)
  }
}
