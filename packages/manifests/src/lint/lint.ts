import { type Reading, read } from '../read/reading.js'
import type { Finding, Severity } from '../rules/finding.js'
import { severities } from '../rules/finding.js'
import { rules } from '../rules/index.js'
import type { Details, Rule } from '../rules/rule.js'
import { addTo } from '../shared/lists.js'
import { applyEdits, type Edit } from '../text/edits.js'
import { manifestsIn, type Place } from '../text/place.js'
import type { Skipped } from '../text/skipped.js'
import { Manifest, type Source, type SyntaxProblem } from '../text/source.js'
import type { Facts, World } from '../world/world.js'
import { againstId, type Ignore, ignoresAmong, ignoresIn } from './ignores.js'

/** Options of {@link lint}. */
export interface LintOptions extends Facts {
  /** Accepted findings, each with its reason. @default [] */
  readonly ignore?: readonly Ignore[]
  /** What `readSources` skipped. It becomes part of the result. @default [] */
  readonly skipped?: readonly Skipped[]
}

/** A finding that is accepted, and why. */
export interface Ignored extends Finding {
  readonly reason: string
  /** Whether a comment in the file accepts it, or the option `ignore`. */
  readonly by: 'comment' | 'caller'
}

/** The result of {@link lint}. */
export interface LintResult {
  /** Sorted by file, line, column, severity and rule. */
  readonly findings: readonly Finding[]
  /** Accepted findings, sorted in the same way. */
  readonly ignored: readonly Ignored[]
  /** Files that could not be read. */
  readonly problems: readonly SyntaxProblem[]
  /** What was not judged: templates, charts, objects from elsewhere. They may contain mistakes that are not in `findings`. */
  readonly skipped: readonly Skipped[]
  /** How many YAML documents were read. */
  readonly documents: number
  /** How many pods and pod templates were found. Without any there was nothing to judge. */
  readonly pods: number
}

/** Finds everything that would make a deploy lose requests. All sources belong together: Services are matched with pods across files. */
export function lint(sources: readonly Source[], options: LintOptions = {}): LintResult {
  return judge(read(sources, options), options, rules)
}

/** Runs rules on a reading. */
export function judge(reading: Reading, options: LintOptions, rules: readonly Rule[]): LintResult {
  const { manifests, worlds } = reading
  const comments = manifests.map(ignoresIn)
  const findings = comments.flatMap(({ mistakes }) => mistakes)
  const inComments = comments.flatMap(({ ignores }) => ignores)
  const ignoreOf = ignoresAmong([...inComments, ...(options.ignore ?? [])])
  const ignored: Ignored[] = []
  const used = new Set<Ignore>()
  for (const finding of findingsIn(reading, rules)) {
    const ignore = ignoreOf(finding)
    if (ignore === undefined) {
      findings.push(finding)
    } else {
      used.add(ignore)
      ignored.push({ ...finding, reason: ignore.reason, by: ignore.at === undefined ? 'caller' : 'comment' })
    }
  }
  for (const ignore of inComments) {
    // Whether an ignore of the comparison is unused is known only with a running app.
    if (used.has(ignore) || ignore.at === undefined || ignore.rule === againstId) continue
    // A file that is in no build, such as a Component alone, was not judged.
    if (reading.worldsWith(ignore.at.file) === 0) continue
    findings.push(unused(ignore, ignore.at))
  }
  return {
    findings: sorted(findings),
    ignored: sorted(ignored),
    problems: manifests.flatMap(({ problems }) => problems),
    skipped: byPlace([...(options.skipped ?? []), ...reading.skipped]),
    documents: manifests.reduce((sum, { documents }) => sum + documents.length, 0),
    pods: new Set(worlds.flatMap(({ pods }) => pods.map(({ resource }) => resource.place.node))).size,
  }
}

/** Each finding once, although a base is part of several worlds. A finding that is not in all of them names its builds. */
function findingsIn({ worlds, worldsWith }: Reading, rules: readonly Rule[]): Finding[] {
  const found = new Map<string, { finding: Finding; worlds: World[] }>()
  for (const world of worlds) {
    for (const rule of rules) {
      rule.check(world, (place, message, details = {}) => {
        if (!isNamed(place)) return
        const finding = findingOf(rule, place, message, details)
        const { file, line, column } = finding
        const same = `${file}:${line}:${column} ${rule.id} ${message}`
        const known = found.get(same)
        if (known === undefined) found.set(same, { finding, worlds: [world] })
        else if (!known.worlds.includes(world)) known.worlds.push(world)
      })
    }
  }
  return [...found.values()].map(({ finding, worlds }) => {
    if (worlds.length >= worldsWith(finding.file)) return finding
    // No edits: the text is right in another build.
    const { edits, ...rest } = finding
    return { ...rest, builds: worlds.flatMap(({ name }) => (name === undefined ? [] : [name])) }
  })
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
    ...(manifest.source.chart !== undefined && { chart: manifest.source.chart }),
    message,
    ...(details.fix !== undefined && { fix: details.fix }),
    ...(details.edits !== undefined && !place.shared && { edits: details.edits }),
  }
}

/** Whether the place is in an object that comes, at least in part, from a source that was named, and not only from context. */
function isNamed(place: Place): boolean {
  return (
    place.manifest.source.context !== true ||
    [...manifestsIn(rootOf(place))].some(({ source }) => source.context !== true)
  )
}

function rootOf(place: Place): Place {
  return place.parent === undefined ? place : rootOf(place.parent)
}

/** The label of the object that a place is in. */
function ownerOf(place: Place): string | undefined {
  const root = rootOf(place)
  const kind = root.get('kind').text
  return kind === undefined ? undefined : `${kind}/${root.get('metadata', 'name').text ?? '?'}`
}

function byPlace(all: readonly Skipped[]): Skipped[] {
  return [...all].sort((one, other) =>
    one.file === other.file ? one.line - other.line : one.file < other.file ? -1 : 1,
  )
}

function sorted<Each extends Finding>(findings: readonly Each[]): Each[] {
  const rank = ({ severity }: Finding) => severities.indexOf(severity)
  const compare = (one: string, other: string) => (one < other ? -1 : one > other ? 1 : 0)
  return [...findings].sort(
    (one, other) =>
      compare(one.file, other.file) ||
      one.line - other.line ||
      one.column - other.column ||
      rank(one) - rank(other) ||
      compare(one.rule, other.rule),
  )
}

/** Whether `severity` is as severe as `threshold`, or more severe. */
export function isAtLeast(severity: Severity, threshold: Severity): boolean {
  return severities.indexOf(severity) <= severities.indexOf(threshold)
}

/** A source, and its text after {@link fix}. */
export interface Fixed {
  readonly source: Source
  /** The fixed text; the same as that of `source` if nothing was fixed. */
  readonly text: string
}

/** Applies the edits of all findings once; undefined if there are no edits. */
export function fixOnce(sources: readonly Source[], options: LintOptions = {}): Source[] | undefined {
  const edits = new Map<string, Array<readonly Edit[]>>()
  for (const finding of lint(sources, options).findings) {
    const changed = finding.edits?.[0]?.file
    if (finding.edits !== undefined && changed !== undefined) addTo(edits, changed, finding.edits)
  }
  if (edits.size === 0) return undefined
  return sources.map((source) => {
    const own = edits.get(source.file)
    if (own === undefined) return source
    const fixed = { ...source, text: applyEdits(source.text, own) }
    // Edits that would make the text unreadable are dropped.
    return new Manifest(fixed).problems.length > new Manifest(source).problems.length ? source : fixed
  })
}

/**
 * Fixes what is safe to fix. It lints and edits repeatedly, because one mistake can hide another. Comments, order and everything
 * else in a text stay as they are. Writes no files.
 * @returns One entry for each source, in the same order.
 */
export function fix(sources: readonly Source[], options: LintOptions = {}): Fixed[] {
  let current = sources
  // The limit is for two rules that would undo each other's edits.
  for (let round = 0; round < 10; round++) {
    const next = fixOnce(current, options)
    if (next === undefined) break
    current = next
  }
  return sources.map((source, index) => ({ source, text: current[index]?.text ?? source.text }))
}
