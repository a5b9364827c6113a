import type { Finding } from '../rules/finding.js'
import { ruleIds } from '../rules/index.js'
import { addTo } from '../shared/lists.js'
import { nearest } from '../shared/nearest.js'
import type { Manifest } from '../text/source.js'

/** Which findings are accepted, and why. */
export interface Ignore {
  /** The id of the rule. */
  readonly rule: string
  /** Why its findings are accepted. */
  readonly reason: string
  /** Only findings in this object: `Deployment/web`, or with wildcards: `Deployment/*`. @default undefined: in every object */
  readonly resource?: string
  /** Only findings in these lines of this file, from 1. Set for a comment. */
  readonly within?: { readonly file: string; readonly from: number; readonly to: number }
  /** The position of the comment. Set for a comment. */
  readonly at?: Pick<Finding, 'file' | 'line' | 'column' | 'endLine' | 'endColumn'>
}

/** Returns a function that finds the ignore for a finding. It looks ignores up by line, object and rule, so that it need not compare all. */
export function ignoresAmong(ignores: readonly Ignore[]): (finding: Finding) => Ignore | undefined {
  const filed = new Map<string, Ignore[]>()
  for (const ignore of ignores) {
    const { rule, resource, within } = ignore
    if (within !== undefined) {
      for (let line = within.from; line <= within.to; line++) addTo(filed, `${rule} ${within.file}:${line}`, ignore)
    } else {
      addTo(filed, resource === undefined || resource.includes('*') ? rule : `${rule} ${resource}`, ignore)
    }
  }
  return ({ rule, file, line, resource = '' }) =>
    [`${rule} ${file}:${line}`, `${rule} ${resource}`, rule]
      .flatMap((key) => filed.get(key) ?? [])
      .find((ignore) => ignore.resource === undefined || isLike(resource, ignore.resource))
}

function isLike(text: string, pattern: string): boolean {
  const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`).test(text)
}

/** The id for findings of the comparison with a running app. They are not from a rule, but can be ignored like those. */
export const againstId = 'against'

const known = [...ruleIds, againstId]

/** What is wrong with the id of a rule; undefined if it exists. */
export function unknownRule(rule: string): string | undefined {
  if (known.includes(rule)) return undefined
  const meant = nearest(rule, known)
  return `There is no rule \`${rule}\`${meant === undefined ? '' : `; did you mean \`${meant}\`?`}`
}

const directive = /^(.*?)#\s*podrain-ignore\b[ \t]*([^\s:]*)[ \t]*:?[ \t]*(.*?)\s*$/

/**
 * The comments `# podrain-ignore RULE: reason` of a text. A comment applies to its own line, or if that has no content, to the next
 * line, together with the lines that are indented further. Above the first line of a document it applies to the whole document.
 */
export function ignoresIn(manifest: Manifest): { ignores: Ignore[]; mistakes: Finding[] } {
  const { file, text } = manifest.source
  const ignores: Ignore[] = []
  const mistakes: Finding[] = []
  if (!text.includes('podrain-ignore')) return { ignores, mistakes }
  const lines = text.split(/\r\n?|\n/)
  lines.forEach((line, index) => {
    const [, before, rule = '', reason = ''] = directive.exec(line) ?? []
    if (before === undefined) return
    const column = before.length + 1
    const at = { file, line: index + 1, column, endLine: index + 1, endColumn: line.length + 1 }
    const complain = (message: string) =>
      mistakes.push({ ...at, rule: 'podrain-ignore', severity: 'error', message, fix: example })
    const unknown = unknownRule(rule)
    if (rule === '') complain('It does not say which rule')
    else if (unknown !== undefined) complain(unknown)
    else if (reason === '') complain(`It does not say why \`${rule}\` may be ignored`)
    else ignores.push({ rule, reason, at, within: { file, ...scopeOf(lines, index, before.trim() !== '') } })
  })
  return { ignores, mistakes }
}

const example = 'Write `# podrain-ignore RULE: the reason`'

function scopeOf(lines: readonly string[], index: number, isBehind: boolean): { from: number; to: number } {
  const isContent = (line: string) => line.trim() !== '' && !line.trimStart().startsWith('#')
  let first = index
  if (!isBehind) {
    first = nextIndex(lines, index, isContent)
    if (first === lines.length) return { from: index + 1, to: index + 1 }
    let begin = index
    while (begin > 0 && !isBorder(lines[begin - 1] ?? '')) begin--
    if (!lines.slice(begin, index).some(isContent)) {
      // The comment may be above the `---` that begins its document.
      return { from: index + 1, to: nextIndex(lines, first, isBorder) }
    }
  }
  const depth = indentOf(lines[first] ?? '')
  const isItem = (lines[first] ?? '').trimStart().startsWith('- ')
  let last = first
  for (let at = first + 1; at < lines.length; at++) {
    const line = lines[at] ?? ''
    if (!isContent(line)) continue
    const deeper = indentOf(line) > depth
    // The items of a list may be in the same column as its key.
    const itemOfKey = !isItem && indentOf(line) === depth && line.trimStart().startsWith('- ')
    if (!deeper && !itemOfKey) break
    last = at
  }
  return { from: first + 1, to: last + 1 }
}

/** The index of the next line that is meant; the number of lines if there is none. */
function nextIndex(lines: readonly string[], index: number, isMeant: (line: string) => boolean): number {
  let next = index + 1
  while (next < lines.length && !isMeant(lines[next] ?? '')) next++
  return next
}

/** Whether a new document begins here. */
function isBorder(line: string): boolean {
  return /^---(\s|$)/.test(line)
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length
}
