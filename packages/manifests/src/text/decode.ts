import {
  Composer,
  CST,
  type Document,
  isScalar,
  Lexer,
  Parser,
  type Scalar,
  type ScalarTag,
  type Tags,
  visit,
} from 'yaml'

/**
 * The documents of a text, as kubectl's decoder reads them (sigs.k8s.io/yaml, which is go-yaml). What only the YAML library refuses is
 * put so that it reads it, and every offset stays: that of the text. `errors` of a document is what neither reads.
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
  for (const document of again) resolveAnew(document, joints, lined)
  return again
}

function isBroken({ errors }: Document.Parsed): boolean {
  return errors.length > 0
}

/** A carriage return alone ends a line, too: of old Macs, and of files that were converted twice. So do three characters of Unicode. */
function withLineBreaks(text: string): string {
  return text.replace(/\r(?!\n)|[\u0085\u2028\u2029]/g, '\n')
}

/** Between two texts in one: where the first ends, and the second begins. */
type Border = readonly [end: number, start: number]

/** Where a file was put behind another one, with its byte order mark. */
function marksIn(text: string): Border[] {
  if (!text.includes('\uFEFF', 1)) return []
  return [...text.matchAll(/^---[^\n]*\n(?=\uFEFF)/gm)].map(({ 0: line, index }) => [index, index + line.length])
}

/** Where one JSON text follows another, as programs write them. */
function jsonAfterJson(text: string): Border[] {
  if (!/^\uFEFF?\s*\{/.test(text)) return []
  const borders: Border[] = []
  let depth = 0
  for (const { 0: token, index } of text.matchAll(/"(?:[^"\\]|\\.)*"|[[{]|[\]}]/gs)) {
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
      // The parser stops there; a rule of ours tells of it and goes on.
      uniqueKeys: false,
      logLevel: 'silent',
    })
    const documents = [...composer.compose(parser.parse(text.slice(start, borders[index]?.[0])))]
    for (const document of documents) document.errors = document.errors.filter(({ message }) => !isAllowed(message))
    return documents
  })
}

/** What is an error to the library, and none to go-yaml: `"a"# comment`. */
function isAllowed(message: string): boolean {
  return message.startsWith('Comments must be separated from other tokens')
}

/** Tags of YAML 1.1 that Kubernetes does not have: to it `12:30` and `2026-01-01` are strings. */
const foreignTags = new Set(['timestamp', 'binary', 'omap', 'pairs', 'set'])

/** Of YAML 1.2, and read all the same: `defaultMode: 0o644`. */
const octal: ScalarTag = {
  tag: 'tag:yaml.org,2002:int',
  default: true,
  format: 'OCT',
  test: /^[-+]?0[oO][0-7]+$/,
  resolve: (text) => Number(text.replace(/^[-+]/, '')) * (text.startsWith('-') ? -1 : 1),
}

/** kubectl reads YAML 1.1 (`yes` is true, `0644` is octal) less what JSON cannot say. */
function kubernetesTags(tags: Tags): Tags {
  const known = tags.filter((tag) => {
    if (typeof tag === 'string') return !foreignTags.has(tag)
    const name = tag.tag.replace('tag:yaml.org,2002:', '')
    return !foreignTags.has(name) && ('format' in tag ? tag.format !== 'TIME' : true)
  })
  return [octal, ...known]
}

/** Where lines were joined, by offset. */
type Joint = readonly [start: number, end: number]

/**
 * To go-yaml indentation says nothing in quotes and brackets; the library wants more of it than the key has. So such a scalar or
 * collection is put on one line, with a space for each line break. Generators of CRDs write them so.
 */
function joinLines(text: string): { text: string; joints: Joint[] } {
  const joints: Joint[] = []
  let current = text
  let from = 0
  for (;;) {
    const torn = firstTorn(current, from)
    if (torn === undefined) return { text: current, joints }
    const limit = nextBorder(current, torn.start)
    const end = endOf(current, torn.start, limit)
    const inside = current.slice(torn.start, end)
    if (end === undefined || !inside.includes('\n')) {
      // It is torn for another reason, and so is what comes behind it in this document.
      from = limit
      continue
    }
    // A comment would swallow what comes behind it.
    const line = inside.replace(tokens, (token) => (token.startsWith('#') ? ' '.repeat(token.length) : token))
    current = `${current.slice(0, torn.start)}${line.replace(/[\r\n]/g, ' ')}${current.slice(end)}`
    joints.push([torn.start, end])
    from = torn.line
  }
}

/** Strings, comments and brackets, as they may stand in brackets. A quote in the midst of a word is none. */
const tokens = /(?<=[[{,:\s]|^)(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|#[^\r\n]*)|[[\]{}]/gs

/** The first scalar or collection that the lexer gives up, and the line to go on from: one that is in no brackets. */
function firstTorn(text: string, from: number): { start: number; line: number } | undefined {
  let [offset, depth, line, outermost, isContent] = [from, 0, from, from, false]
  for (const token of new Lexer().lex(text.slice(from))) {
    const type = CST.tokenType(token)
    const isTorn = !isContent && /^["']/.test(token) && !/^("([^"\\]|\\.)*"|'([^']|'')*')$/s.test(token)
    if (type === 'flow-error-end' || isTorn) return { start: depth > 0 ? outermost : offset, line }
    isContent = type === 'scalar'
    if (isContent || type === 'doc-mode') continue
    if (type === 'flow-map-start' || type === 'flow-seq-start') outermost = depth++ === 0 ? offset : outermost
    if (type === 'flow-map-end' || type === 'flow-seq-end') depth--
    offset += token.length
    if (type === 'newline' && depth === 0) line = offset
  }
  return undefined
}

/** Where the document ends that is there. */
function nextBorder(text: string, offset: number): number {
  const border = /^(---|\.\.\.)(\s|$)/gm
  border.lastIndex = offset
  return border.exec(text)?.index ?? text.length
}

/** Behind the quote or bracket that closes what is open there; undefined if the document ends before. */
function endOf(text: string, start: number, limit: number): number | undefined {
  let depth = 0
  for (const { 0: token, index } of text.slice(start, limit).matchAll(tokens)) {
    if (/^[[{]/.test(token)) depth++
    if (/^[\]}]/.test(token)) depth--
    if (depth <= 0 && !token.startsWith('#')) return start + index + token.length
  }
  return undefined
}

/** What a scalar says of which lines were joined: each line break counts as it was. */
function resolveAnew(document: Document.Parsed, joints: readonly Joint[], text: string): void {
  const types = { PLAIN: 'scalar', QUOTE_SINGLE: 'single-quoted-scalar', QUOTE_DOUBLE: 'double-quoted-scalar' } as const
  visit(document, {
    Scalar(_, node) {
      const type = types[(node as Scalar).type as keyof typeof types]
      if (!isScalar(node) || !node.range || type === undefined) return
      const [offset, end] = node.range
      if (!joints.some((joint) => joint[0] <= offset && end <= joint[1])) return
      const source = text.slice(offset, end)
      if (source.includes('\n')) node.value = CST.resolveAsScalar({ type, offset, indent: 0, source }, false).value
    },
  })
}
