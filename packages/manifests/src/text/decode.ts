import { Composer, CST, type Document, Lexer, Parser, type Scalar, type ScalarTag, type Tags, visit } from 'yaml'

/**
 * The documents of a text, as kubectl's decoder reads them (sigs.k8s.io/yaml, which is go-yaml). A text that only the YAML library
 * refuses is rewritten so that the library reads it, with all offsets unchanged. `errors` of a document are those of both.
 */
export function decode(text: string): Document.Parsed[] {
  const lined = withLineBreaks(text)
  const documents = documentsOf(lined, marksIn(lined))
  if (!documents.some(isBroken)) return documents
  const { text: joined, joints } = joinLines(lined)
  const more = jsonAfterJson(joined)
  if (joints.length + more.length === 0) return documents
  const again = documentsOf(joined, [...marksIn(joined), ...more])
  if (again.filter(isBroken).length >= documents.filter(isBroken).length) return documents
  resolveAnew(again, joints, lined)
  return again
}

function isBroken({ errors }: Document.Parsed): boolean {
  return errors.length > 0
}

/** A carriage return alone ends a line too, in files of old Macs and in files that were converted twice. So do three characters of Unicode. */
function withLineBreaks(text: string): string {
  return text.replace(/\r(?!\n)|[\u0085\u2028\u2029]/g, '\n')
}

/** The border between two texts in one file: where the first ends, and where the second begins. */
type Border = readonly [end: number, start: number]

/** The borders where a file with a byte order mark was appended to another. */
function marksIn(text: string): Border[] {
  if (!text.includes('\uFEFF', 1)) return []
  return [...text.matchAll(/^---[^\n]*\n(?=\uFEFF)/gm)].map(({ 0: line, index }) => [index, index + line.length])
}

/** The borders where one JSON text follows another. */
function jsonAfterJson(text: string): Border[] {
  if (!/^\uFEFF?\s*\{/.test(text)) return []
  const borders: Border[] = []
  let depth = 0
  for (const { 0: token, index } of text.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"|[[{]|[\]}]/gs)) {
    if (/^[[{]/.test(token)) depth++
    if (!/^[\]}]/.test(token) || --depth > 0) continue
    const [between = ''] = /^\s*(?=\{)/.exec(text.slice(index + 1)) ?? []
    if (text[index + 1 + between.length] === '{') borders.push([index + 1, index + 1 + between.length])
  }
  return borders
}

function documentsOf(text: string, borders: readonly Border[]): Document.Parsed[] {
  const starts = [0, ...borders.map(([, start]) => start)]
  return starts.flatMap((start, index) => {
    const parser = new Parser()
    parser.offset = start
    const composer = new Composer({
      version: '1.1',
      merge: true,
      customTags: kubernetesTags,
      prettyErrors: false,
      // With `true` the parser would stop at a duplicate key. A rule reports duplicates instead.
      uniqueKeys: false,
      logLevel: 'silent',
    })
    const documents = [...composer.compose(parser.parse(text.slice(start, borders[index]?.[0])))]
    for (const document of documents) document.errors = document.errors.filter(({ message }) => !isAllowed(message))
    return documents
  })
}

/** Whether go-yaml accepts what the library calls an error: `"a"# comment`. */
function isAllowed(message: string): boolean {
  return message.startsWith('Comments must be separated from other tokens')
}

/** Tags of YAML 1.1 that Kubernetes does not support: it reads `12:30` and `2026-01-01` as strings. */
const foreignTags = new Set(['timestamp', 'binary', 'omap', 'pairs', 'set'])

/** An octal number of YAML 1.2, which kubectl reads too: `defaultMode: 0o644`. */
const octal: ScalarTag = {
  tag: 'tag:yaml.org,2002:int',
  default: true,
  format: 'OCT',
  test: /^[-+]?0[oO][0-7]+$/,
  resolve: (text) => Number(text.replace(/^[-+]/, '')) * (text.startsWith('-') ? -1 : 1),
}

/** kubectl reads YAML 1.1 (`yes` is true, `0644` is octal), except for types that JSON does not have. */
function kubernetesTags(tags: Tags): Tags {
  const known = tags.filter((tag) => {
    if (typeof tag === 'string') return !foreignTags.has(tag)
    const name = tag.tag.replace('tag:yaml.org,2002:', '')
    return !foreignTags.has(name) && ('format' in tag ? tag.format !== 'TIME' : true)
  })
  return [octal, ...known]
}

/** A stretch whose lines were joined, by offsets. */
type Joint = readonly [start: number, end: number]

/**
 * go-yaml ignores indentation in quotes and brackets; the library requires more indentation than the key has. So such a scalar or
 * collection is joined to one line, with a space for each line break. Generators of CRDs write such YAML.
 */
function joinLines(text: string): { text: string; joints: Joint[] } {
  const joints: Joint[] = []
  let [from, limit] = [0, 0]
  for (let start = firstTorn(text, from); start !== undefined; start = firstTorn(text, from)) {
    if (start >= limit) limit = nextBorder(text, start)
    const end = endOf(text, start, limit)
    if (end !== undefined && text.slice(start, end).includes('\n')) {
      joints.push([start, end])
      from = lineBehind(text, end)
    } else {
      // The error has another reason, so the rest of this document is skipped.
      from = limit
    }
  }
  const lines = joints.map(([start, end]) => {
    // On one line, a comment would hide what follows, so comments are blanked.
    const inside = text.slice(start, end).replace(tokens, (token) => (token.startsWith('#') ? blank(token) : token))
    return inside.replace(/[\r\n]/g, ' ')
  })
  const between = [0, ...joints.map(([, end]) => end)].map((end, index) => text.slice(end, joints[index]?.[0]))
  return { text: between.map((each, index) => `${each}${lines[index] ?? ''}`).join(''), joints }
}

function blank(text: string): string {
  return ' '.repeat(text.length)
}

/** Strings, comments and brackets inside brackets. A quote inside a word does not begin a string. */
const tokens = /(?<=[[{,:\s]|^)(?:"[^"\\]*(?:\\.[^"\\]*)*"|'[^']*(?:''[^']*)*'|#[^\r\n]*)|[[\]{}]/gs

/** The offset of the first scalar or collection that the lexer cannot read. `from` must be the start of a line outside of brackets. */
function firstTorn(text: string, from: number): number | undefined {
  let [offset, depth, outermost, isContent] = [from, 0, from, false]
  for (const token of new Lexer().lex(text.slice(from))) {
    const type = CST.tokenType(token)
    if (type === 'flow-error-end' || (!isContent && isOpen(token))) return depth > 0 ? outermost : offset
    isContent = type === 'scalar'
    if (isContent || type === 'doc-mode') continue
    if (type === 'flow-map-start' || type === 'flow-seq-start') outermost = depth++ === 0 ? offset : outermost
    if (type === 'flow-map-end' || type === 'flow-seq-end') depth--
    offset += token.length
  }
  return undefined
}

/** Whether the token begins with a quote that is not closed. */
function isOpen(token: string): boolean {
  if (token.startsWith("'")) return token.split("'").length % 2 === 0
  if (!token.startsWith('"')) return false
  const [before = ''] = /\\*"$/.exec(token.slice(1)) ?? []
  return before.length % 2 === 0
}

/** The offset of the end of the document at `offset`. */
function nextBorder(text: string, offset: number): number {
  const border = /^(---|\.\.\.)(\s|$)/gm
  border.lastIndex = offset
  return border.exec(text)?.index ?? text.length
}

function lineBehind(text: string, offset: number): number {
  const end = text.indexOf('\n', offset)
  return end === -1 ? text.length : end + 1
}

/** The offset after the quote or bracket that closes the one at `start`; undefined if the document ends first. */
function endOf(text: string, start: number, limit: number): number | undefined {
  let depth = 0
  for (const { 0: token, index } of text.slice(start, limit).matchAll(tokens)) {
    if (/^[[{]/.test(token)) depth++
    if (/^[\]}]/.test(token)) depth--
    if (depth <= 0 && !token.startsWith('#')) return start + index + token.length
  }
  return undefined
}

const flowScalars = {
  PLAIN: 'scalar',
  QUOTE_SINGLE: 'single-quoted-scalar',
  QUOTE_DOUBLE: 'double-quoted-scalar',
} as const

/** Reads scalars in joined stretches again from the original text, so that each line break counts. */
function resolveAnew(documents: readonly Document.Parsed[], joints: readonly Joint[], text: string): void {
  // Both are in the order of the text.
  let next = 0
  const Scalar = (_: unknown, node: Scalar) => {
    const type = flowScalars[node.type as keyof typeof flowScalars]
    if (!node.range || type === undefined) return
    const [offset, end] = node.range
    while (next < joints.length && (joints[next]?.[1] ?? 0) <= offset) next++
    if (end <= (joints[next]?.[0] ?? end)) return
    const source = text.slice(offset, end)
    if (source.includes('\n')) node.value = CST.resolveAsScalar({ type, offset, indent: 0, source }, false).value
  }
  for (const document of documents) visit(document, { Scalar })
}
