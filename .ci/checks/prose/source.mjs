import { parseSync, Visitor } from 'oxc-parser'

/** The ranges of the prose in a source file: its comments, strings and templates. */
function* proseOf(path, source) {
  const { comments, program } = parseSync(path, source)
  yield* comments
  const texts = []
  new Visitor({
    Literal: (node) => typeof node.value === 'string' && node.value.includes(' ') && texts.push(node),
    TemplateElement: (node) => {
      // In TypeScript its range has the backticks and braces around it.
      const start = source.indexOf(node.value.raw, node.start)
      texts.push({ start, end: start + node.value.raw.length })
    },
  }).visit(program)
  yield* texts
}

/** The text with code in backticks and comment markers replaced by blanks, so that lines and columns stay the same. */
function words(text) {
  const blank = (match) => match.replace(/[^\n]/g, ' ')
  return text.replace(/\\?`[^`]*`/g, blank).replace(/^[ \t]*(?:\/\*\*?|\*\/?|\/\/)/gm, blank)
}

/** A textlint plug-in that reads a source file as a document with one paragraph per comment or text. */
export const sourcePlugin = {
  Processor: class {
    availableExtensions() {
      return ['.ts', '.js', '.mjs']
    }

    processor() {
      return {
        preProcess(source, path) {
          const lines = [0, ...Array.from(source.matchAll(/\n/g), ({ index }) => index + 1)]
          const place = (offset) => {
            const line = lines.findLastIndex((start) => start <= offset)
            return { line: line + 1, column: offset - lines[line] }
          }
          const node = (type, start, end, rest) => ({
            type,
            raw: source.slice(start, end),
            range: [start, end],
            loc: { start: place(start), end: place(end) },
            ...rest,
          })
          let text = source
          const children = []
          for (const { start, end } of proseOf(path, source)) {
            const value = words(source.slice(start, end))
            text = text.slice(0, start) + value + text.slice(end)
            children.push(node('Paragraph', start, end, { children: [node('Str', start, end, { value })] }))
          }
          return { text, ast: node('Document', 0, source.length, { children }) }
        },
        postProcess: (messages, filePath) => ({ messages, filePath: filePath ?? '' }),
      }
    }
  },
}
