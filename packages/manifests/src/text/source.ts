import { type Document, LineCounter } from 'yaml'
import { decode } from './decode.js'
import type { Encoding } from './encoding.js'
import { lookalikeIn } from './lookalikes.js'
import type { Skipped } from './skipped.js'
import { templateIn } from './template.js'

/** A text with manifests. */
export interface Source {
  /** Its path, or `<stdin>`; its name in messages. */
  readonly file: string
  readonly text: string
  /** Whether it was read only for the sake of the others. Its findings count only in objects that another text is part of. @default false */
  readonly context?: boolean
  /** The encoding of the file. @default undefined: UTF-8 */
  readonly encoding?: Encoding
  /** The Helm chart that it was rendered from. Then `file` is the template, and lines are those of the rendered text. @default undefined: not rendered */
  readonly chart?: string
}

/** A syntax error in YAML. Line and column are counted from 1. */
export interface SyntaxProblem {
  readonly file: string
  readonly line: number
  readonly column: number
  readonly message: string
}

/** Where in its file a text begins: the line, from 1, and the indentation of its lines. */
interface Beginning {
  readonly line: number
  readonly column: number
}

/** The documents of a text. Documents with errors are in `problems`, templates in `skipped`. */
export class Manifest {
  readonly source: Source
  readonly documents: readonly Document.Parsed[]
  readonly problems: readonly SyntaxProblem[]
  /** Templates. */
  readonly skipped: readonly Skipped[]
  readonly #lines = new LineCounter()
  readonly #begins: Beginning

  constructor(source: Source, begins: Beginning = { line: 1, column: 0 }) {
    this.source = source
    this.#begins = begins
    for (let at = 0; at !== -1; at = nextLine(source.text, at)) this.#lines.addNewLine(at)
    const documents: Document.Parsed[] = []
    const problems: SyntaxProblem[] = []
    const templates = new Map<string, Skipped>()
    const nothing = source.text.indexOf('\0')
    if (nothing !== -1) {
      const message =
        'A NUL character, as in UTF-16 without a byte order mark: kubectl refuses it. Write the file in UTF-8'
      problems.push({ file: source.file, ...this.at(nothing), message })
    }
    for (const document of decode(source.text)) {
      const [error] = document.errors
      const isSuspect = error !== undefined || source.text.includes('{{')
      const template = isSuspect ? templateIn(document, source.text) : undefined
      if (template !== undefined) {
        const { line } = this.at(document.contents?.range?.[0] ?? document.range[0])
        // Most often the whole file is one template, so each kind of template is reported once.
        if (!templates.has(template))
          templates.set(template, { file: source.file, line, what: template, why: untilRendered })
      } else if (error === undefined) {
        documents.push(document)
      } else {
        const [offset] = error.pos
        problems.push({
          file: source.file,
          ...this.at(offset),
          message: this.#explained(offset, inWords(error.message)),
        })
      }
    }
    this.documents = documents
    this.problems = problems
    this.skipped = [...templates.values()]
  }

  /** The message with the lookalike character that may be the reason, if the line or the one before contains one. */
  #explained(offset: number, message: string): string {
    const { text } = this.source
    const start = text.lastIndexOf('\n', text.lastIndexOf('\n', offset - 1) - 1) + 1
    const end = text.indexOf('\n', offset)
    const lookalike = lookalikeIn(text.slice(start, end === -1 ? text.length : end))
    return lookalike === undefined ? message : `${message}. ${lookalike}`
  }

  /** Line and column, both from 1. */
  at(offset: number): { line: number; column: number } {
    const { line, col } = this.#lines.linePos(offset)
    return { line: Math.max(1, line) + this.#begins.line - 1, column: Math.max(1, col) + this.#begins.column }
  }
}

const untilRendered =
  'it is no YAML until it is rendered: lint what comes of it, as in helm template … | podrain lint -'

/** The offset of the next line; -1 if there is none. */
function nextLine(text: string, offset: number): number {
  const lineBreak = /\r\n?|\n/g
  lineBreak.lastIndex = offset
  return lineBreak.exec(text) === null ? -1 : lineBreak.lastIndex
}

/** A readable message for a stack overflow of the parser. */
function inWords(message: string): string {
  return message.startsWith('Maximum call stack') ? 'Brackets in brackets, too deep to be read' : message
}
