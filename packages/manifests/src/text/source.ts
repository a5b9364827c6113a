import { type Document, LineCounter, parseAllDocuments, type Tags } from 'yaml'

/** A text, and what messages call it. */
export interface Source {
  readonly file: string
  readonly text: string
  /** Whether it was read only to understand the others. What is found in it counts only where another text is part of the object. */
  readonly context?: boolean
}

/** Something that is no YAML. */
export interface SyntaxProblem {
  readonly file: string
  readonly line: number
  readonly column: number
  readonly message: string
}

/** Tags of YAML 1.1 that Kubernetes does not have: to it `12:30` and `2026-01-01` are strings. */
const foreignTags = new Set(['timestamp', 'binary', 'omap', 'pairs', 'set'])

/** kubectl reads YAML 1.1 (`yes` is true, `0644` is octal) less what JSON cannot say. */
function kubernetesTags(tags: Tags): Tags {
  return tags.filter((tag) => {
    if (typeof tag === 'string') return !foreignTags.has(tag)
    const name = tag.tag.replace('tag:yaml.org,2002:', '')
    return !foreignTags.has(name) && ('format' in tag ? tag.format !== 'TIME' : true)
  })
}

/** Where in its file a text begins: the line, from 1, and how far its lines are indented. */
interface Beginning {
  readonly line: number
  readonly column: number
}

/** The documents of a text; what is no YAML is in `problems`, and everything else is there. */
export class Manifest {
  readonly source: Source
  readonly documents: readonly Document.Parsed[]
  readonly problems: readonly SyntaxProblem[]
  readonly #lines = new LineCounter()
  readonly #begins: Beginning

  constructor(source: Source, begins: Beginning = { line: 1, column: 0 }) {
    this.source = source
    this.#begins = begins
    const parsed = parseAllDocuments(source.text, {
      version: '1.1',
      merge: true,
      customTags: kubernetesTags,
      lineCounter: this.#lines,
      prettyErrors: false,
      // The parser stops there; a rule of ours tells of it and goes on.
      uniqueKeys: false,
      logLevel: 'silent',
    })
    // An empty text has no documents, but something that says so.
    const documents = Array.isArray(parsed) ? (parsed as Document.Parsed[]) : []
    this.documents = documents.filter(({ errors }) => errors.length === 0)
    this.problems = documents.flatMap(({ errors }) =>
      errors
        .slice(0, 1)
        .map(({ pos, message }) => ({ file: source.file, ...this.at(pos[0]), message: inWords(message) })),
    )
  }

  /** Line and column, both from 1. */
  at(offset: number): { line: number; column: number } {
    const { line, col } = this.#lines.linePos(offset)
    return { line: Math.max(1, line) + this.#begins.line - 1, column: Math.max(1, col) + this.#begins.column }
  }
}

/** The parser goes as deep as its stack, and says so in its own way. */
function inWords(message: string): string {
  return message.startsWith('Maximum call stack') ? 'Brackets in brackets, too deep to be read' : message
}
