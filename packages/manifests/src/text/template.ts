import { type Document, isMap, visit } from 'yaml'

/** Templates of Go, and so of Helm; Mustache and others use the same braces. */
const doubleBraces = 'a template with `{{ }}`, as of Helm'

/** Template languages: the name in messages, and how the language is recognised. */
const languages: ReadonlyArray<readonly [what: string, marks: RegExp]> = [
  ['a Jinja template', /\{%.*?%\}|\{#.*?#\}|\{\{[^}$]*\|\s*(default\(|b64encode|to_nice|int\b|lower\b)/],
  [doubleBraces, /\{\{.*?\}\}|\{\{-?\s*$/],
  ['an ERB template', /<%.*?%>/],
  ['a Go template in `[[ ]]`', /\[\[-?\s.*?\]\]/],
  ['a template of Terraform', /%\{.*?\}/],
  ['a template with `@NAME@`', /@[A-Za-z_][\w.]*@/],
  ['a template with `%NAME%`', /%[A-Z_]\w*%/],
  ['a template with `__NAME__`', /^\s*__[A-Z_]+__\s*$/m],
]

/**
 * The template language of a document; undefined if it is not a template. A document without errors is a template only if a key is a
 * map, which is how YAML reads `{{ x }}`. `{{ $labels.x }}` in a string, as in rendered rules of Prometheus, is not enough.
 */
export function templateIn(document: Document.Parsed, text: string): string | undefined {
  const [error] = document.errors
  const [start, stop] = document.range
  const own = text.slice(start, stop)
  if (error === undefined) return hasMapAsKey(document) ? (languageIn(own) ?? doubleBraces) : undefined
  // Marks in strings near the error do not count: then the error is a mistake. A line that is only an instruction is never YAML.
  const before = text.lastIndexOf('\n', text.lastIndexOf('\n', error.pos[0] - 1) - 1) + 1
  const end = text.indexOf('\n', error.pos[0])
  const instruction = own.split('\n').find((line) => /^\s*(-\s*)?(\{\{|\{%|<%|\[\[-?\s|%\{)/.test(line))
  const near = text.slice(before, end === -1 ? text.length : end).replace(/"[^"\n]*"|'[^'\n]*'/g, "''")
  return languageIn(near) ?? languageIn(instruction ?? '')
}

function languageIn(text: string): string | undefined {
  return languages.find(([, marks]) => marks.test(text))?.[0]
}

function hasMapAsKey(document: Document.Parsed): boolean {
  let found = false
  visit(document, {
    Pair(_, { key }) {
      if (!isMap(key)) return undefined
      found = true
      return visit.BREAK
    },
  })
  return found
}
