import { type Document, isMap, visit } from 'yaml'

/** Of Go, and so of Helm; of Mustache and others as well. */
const doubleBraces = 'a template with `{{ }}`, as of Helm'

/** What is put in before there is YAML: the language, as messages say it, and how it is recognised. */
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
 * What kind of template a document is; undefined if it is none. A document that is YAML is one only if there is a map where YAML has a
 * key or a value, which is how it reads `{{ x }}`: rendered rules of Prometheus have `{{ $labels.x }}` in their strings.
 */
export function templateIn(document: Document.Parsed, text: string): string | undefined {
  const [error] = document.errors
  const [start, stop] = document.range
  const own = text.slice(start, stop)
  if (error === undefined) return hasMapAsKey(document) ? (languageIn(own) ?? doubleBraces) : undefined
  // A mistake beside strings with such marks is a mistake; a line that is nothing but an instruction is no YAML ever.
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
