import { applyEdits } from './edits.js'
import type { Edit, Finding, Severity } from './finding.js'
import { severities } from './finding.js'
import { type Ignore, ignoresIn, isIgnored } from './ignores.js'
import type { Place } from './place.js'
import { resourcesOf } from './resource.js'
import type { Details, Rule } from './rule.js'
import { rules } from './rules/index.js'
import { Manifest, type Source, type SyntaxProblem } from './source.js'
import { type Facts, World } from './world.js'

export interface LintOptions extends Facts {
  /** Findings that are known and accepted, each with its reason. */
  readonly ignore?: readonly Ignore[]
}

export interface LintResult {
  /** By file, line and column. */
  readonly findings: readonly Finding[]
  /** Accepted ones. */
  readonly ignored: readonly Finding[]
  /** What could not be read. */
  readonly problems: readonly SyntaxProblem[]
  readonly documents: number
  /** Pods, and what pods are made from; without one there was nothing to look at. */
  readonly pods: number
}

/** Looks for all that would make a deploy lose requests. The texts belong together: Services are matched with pods across them. */
export function lint(sources: readonly Source[], options: LintOptions = {}): LintResult {
  return lintWith(sources, options, rules)
}

/** The same with other rules. */
export function lintWith(sources: readonly Source[], options: LintOptions, rules: readonly Rule[]): LintResult {
  const manifests = sources.map((source) => new Manifest(source))
  const resources = manifests.flatMap(resourcesOf)
  const world = new World(manifests, resources, options)
  const comments = manifests.map(ignoresIn)
  const findings = comments.flatMap(({ mistakes }) => mistakes)
  const inComments = comments.flatMap(({ ignores }) => ignores)
  const ignores = [...inComments, ...(options.ignore ?? [])]
  const ignored: Finding[] = []
  const used = new Set<Ignore>()
  for (const rule of rules) {
    rule.check(world, (place, message, details = {}) => {
      const finding = findingOf(rule, place, message, details)
      const ignore = ignores.find((each) => isIgnored(finding, each))
      if (ignore !== undefined) used.add(ignore)
      ;(ignore === undefined ? findings : ignored).push(finding)
    })
  }
  for (const ignore of inComments) {
    if (!used.has(ignore) && ignore.at !== undefined) findings.push(unused(ignore, ignore.at))
  }
  return {
    findings: sorted(findings),
    ignored: sorted(ignored),
    problems: manifests.flatMap(({ problems }) => problems),
    documents: manifests.reduce((sum, { documents }) => sum + documents.length, 0),
    pods: world.pods.length,
  }
}

function unused(ignore: Ignore, at: NonNullable<Ignore['at']>): Finding {
  return {
    ...at,
    rule: 'podrain-ignore',
    severity: 'info',
    message: `There is no \`${ignore.rule}\` here to ignore any more`,
    fix: 'Remove the comment',
  }
}

function findingOf(rule: Rule, place: Place, message: string, details: Details): Finding {
  const { manifest } = place
  const [start, end] = place.range
  const from = manifest.at(start)
  const to = manifest.at(end)
  const resource = ownerOf(place)
  return {
    rule: rule.id,
    severity: details.severity ?? rule.severity,
    file: manifest.source.file,
    ...from,
    endLine: to.line,
    endColumn: to.column,
    ...(resource !== undefined && { resource }),
    ...(place.path !== '' && { path: place.path }),
    message,
    ...(details.fix !== undefined && { fix: details.fix }),
    ...(details.edits !== undefined && !place.shared && { edits: details.edits }),
  }
}

/** The label of the object that a place is in. */
function ownerOf(place: Place): string | undefined {
  let root = place
  while (root.parent !== undefined) root = root.parent
  const kind = root.get('kind').text
  return kind === undefined ? undefined : `${kind}/${root.get('metadata', 'name').text ?? '?'}`
}

function sorted(findings: readonly Finding[]): Finding[] {
  const rank = ({ severity }: Finding) => severities.indexOf(severity)
  return [...findings].sort(
    (one, other) =>
      (one.file < other.file ? -1 : one.file > other.file ? 1 : 0) ||
      one.line - other.line ||
      one.column - other.column ||
      rank(one) - rank(other) ||
      (one.rule < other.rule ? -1 : 1),
  )
}

/** Whether it is as bad as that, or worse. */
export function isAtLeast(severity: Severity, threshold: Severity): boolean {
  return severities.indexOf(severity) <= severities.indexOf(threshold)
}

/** A text that could be put right. */
export interface Fixed {
  readonly source: Source
  readonly text: string
}

/** Makes the edits of all findings that have some, once; undefined if there are none. */
export function fixOnce(sources: readonly Source[], options: LintOptions = {}): Source[] | undefined {
  const edits = new Map<string, Edit[]>()
  for (const finding of lint(sources, options).findings) {
    if (finding.edits !== undefined) edits.set(finding.file, [...(edits.get(finding.file) ?? []), ...finding.edits])
  }
  if (edits.size === 0) return undefined
  return sources.map(({ file, text }) => ({ file, text: applyEdits(text, edits.get(file) ?? []) }))
}

/**
 * Makes edits until there is nothing more to edit: one mistake can hide another. Comments, order and whatever was not
 * edited stay as they are.
 */
export function fix(sources: readonly Source[], options: LintOptions = {}): Fixed[] {
  let current = sources
  // Each round mends something, so it ends; the limit is for two rules that would undo each other.
  for (let round = 0; round < 10; round++) {
    const next = fixOnce(current, options)
    if (next === undefined) break
    current = next
  }
  return sources.map((source, index) => ({ source, text: current[index]?.text ?? source.text }))
}
