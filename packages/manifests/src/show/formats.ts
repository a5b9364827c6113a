import type { Log, ReportingDescriptor, Result } from 'sarif'
import { againstRule } from '../lint/against.js'
import type { Ignored, LintResult } from '../lint/lint.js'
import type { Finding, Severity } from '../rules/finding.js'
import { rules } from '../rules/index.js'

/** The whole result as JSON. */
export function renderJson({ findings, ignored, problems, skipped, documents, pods }: LintResult): string {
  return `${JSON.stringify({ documents, pods, findings, ignored, problems, skipped }, undefined, 2)}\n`
}

const levels: Readonly<Record<Severity, Result.level>> = { error: 'error', warning: 'warning', info: 'note' }

/** The result as SARIF 2.1.0, for code scanning. Ignored findings are marked as suppressed. `version`: the version of podrain. */
export function renderSarif({ findings, ignored, problems, skipped }: LintResult, version: string): string {
  const descriptors: ReportingDescriptor[] = [
    ...[...rules, againstRule].map(({ id, title, why, severity }) => ({
      id,
      shortDescription: { text: title },
      fullDescription: { text: why },
      defaultConfiguration: { level: levels[severity] },
    })),
    { id: 'podrain-ignore', shortDescription: { text: 'A comment that is to silence a rule, and does not' } },
    { id: 'yaml', shortDescription: { text: 'Something that is no YAML' } },
  ]
  const result = (finding: Finding): Result => ({
    ruleId: finding.rule,
    ruleIndex: descriptors.findIndex(({ id }) => id === finding.rule),
    level: levels[finding.severity],
    message: { text: finding.fix === undefined ? finding.message : `${finding.message}. ${finding.fix}.` },
    locations: [locationOf(finding)],
  })
  const suppressed = (finding: Ignored): Result => ({
    ...result(finding),
    suppressions: [{ kind: finding.by === 'comment' ? 'inSource' : 'external', justification: finding.reason }],
  })
  const log: Log = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'podrain lint', semanticVersion: version, rules: descriptors } },
        invocations: [
          {
            executionSuccessful: problems.length === 0,
            toolExecutionNotifications: skipped.map(({ file, line, what, why }) => ({
              level: 'note' as const,
              message: { text: `Skipped: ${what}. ${why}.` },
              locations: [locationOf({ file, line, column: 1, endLine: line, endColumn: 1 })],
            })),
          },
        ],
        results: [
          ...problems.map(({ message, ...at }) => ({
            ruleId: 'yaml',
            ruleIndex: descriptors.length - 1,
            level: 'error' as const,
            message: { text: message },
            locations: [locationOf({ ...at, endLine: at.line, endColumn: at.column + 1 })],
          })),
          ...findings.map(result),
          ...ignored.map(suppressed),
        ],
      },
    ],
  }
  return `${JSON.stringify(log, undefined, 2)}\n`
}

type At = Pick<Finding, 'file' | 'line' | 'column' | 'endLine' | 'endColumn'> &
  Partial<Pick<Finding, 'resource' | 'path' | 'chart'>>

function locationOf({
  file,
  line,
  column,
  endLine,
  endColumn,
  resource,
  path,
  chart,
}: At): NonNullable<Result['locations']>[number] {
  return {
    physicalLocation: {
      artifactLocation: { uri: uriOf(file) },
      // The lines of a rendered chart are not those of the template, so they are left out.
      ...(chart === undefined && { region: { startLine: line, startColumn: column, endLine, endColumn } }),
    },
    ...(resource !== undefined && {
      logicalLocations: [{ fullyQualifiedName: path === undefined ? resource : `${resource}:${path}` }],
    }),
  }
}

/** The path as a URI relative to the working directory, as code scanning expects it. */
function uriOf(file: string): string {
  return encodeURI(file.replaceAll('\\', '/').replace(/^\.\//, '')).replace(/[?#<>]/g, encodeURIComponent)
}

const commands: Readonly<Record<Severity, string>> = { error: 'error', warning: 'warning', info: 'notice' }

/** The result as commands of GitHub Actions, which become annotations of the lines. */
export function renderGithub({ findings, problems, skipped }: LintResult): string {
  const lines = [
    ...problems.map(({ file, line, column, message }) =>
      command('error', { file, line, col: column, title: 'yaml' }, message),
    ),
    ...skipped.map(({ file, line, what, why }) =>
      command('notice', { file, line, title: 'podrain skipped' }, `${what}: ${why}`),
    ),
    ...findings.map(({ severity, file, line, column, endLine, endColumn, rule, message, fix, chart }) =>
      command(
        commands[severity],
        {
          file,
          ...(chart === undefined && { line, endLine, col: column, ...(endLine === line && { endColumn }) }),
          title: `podrain ${rule}`,
        },
        fix === undefined ? message : `${message}\n→ ${fix}`,
      ),
    ),
  ]
  return lines.map((line) => `${line}\n`).join('')
}

function command(name: string, properties: Readonly<Record<string, string | number>>, message: string): string {
  const list = Object.entries(properties).map(
    ([key, value]) => `${key}=${escaped(String(value)).replaceAll(':', '%3A').replaceAll(',', '%2C')}`,
  )
  return `::${name} ${list.join(',')}::${escaped(message)}`
}

function escaped(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
}
