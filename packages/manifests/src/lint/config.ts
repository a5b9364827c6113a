import type { Behind } from '@podrain/core'
import { isMap, isSeq, LineCounter, parseDocument } from 'yaml'
import { type Severity, severities } from '../rules/finding.js'
import { presets } from '../shared/budget.js'
import { nearest } from '../shared/nearest.js'
import { minorOf } from '../shared/version.js'
import { Place } from '../text/place.js'
import { Manifest } from '../text/source.js'
import { type Ignore, unknownRule } from './ignores.js'

/** The content of `podrain.yaml`. */
export interface Config {
  readonly ignore: readonly Ignore[]
  /** The least severity that makes `podrain lint` exit with 1. */
  readonly failOn?: Severity
  readonly behind?: Behind
  /** How long the longest request takes, in ms. */
  readonly longestRequest?: number
  /** The version of the cluster, such as `1.29`. */
  readonly kubernetes?: string
}

/** A mistake in a `podrain.yaml`. The message begins with file, line and column. */
export class ConfigError extends Error {}

const keys = ['ignore', 'failOn', 'behind', 'longestRequest', 'kubernetes']
const ignoreKeys = ['rule', 'resource', 'reason']

/**
 * Reads the text of a `podrain.yaml`:
 *
 *     lint:
 *       failOn: warning
 *       behind: aws-alb
 *       longestRequest: 30s
 *       kubernetes: "1.29"
 *       ignore:
 *         - { rule: single-replica, resource: Deployment/admin, reason: two people use it }
 *
 * @param file The name of the file in messages.
 * @param duration Reads a duration such as `30s` as ms. If it throws, its message becomes part of the ConfigError.
 * @throws ConfigError for invalid YAML, unknown keys, wrong values, and an `ignore` without a reason.
 */
export function parseConfig(text: string, file: string, duration: (text: string) => number): Config {
  const counter = new LineCounter()
  const [syntax] = parseDocument(text, { lineCounter: counter, prettyErrors: false }).errors
  if (syntax !== undefined) {
    const { line, col } = counter.linePos(syntax.pos[0])
    throw new ConfigError(`${file}:${line}:${col}: ${syntax.message}`)
  }
  const manifest = new Manifest({ file, text })
  const [document] = manifest.documents
  if (document === undefined || document.contents === null) return { ignore: [] }
  const root = new Place({ manifest, document, shared: false }, document.contents)
  const refuse = (place: Place, what: string): never => {
    const { line, column } = manifest.at(place.range[0])
    throw new ConfigError(`${file}:${line}:${column}: ${what}`)
  }
  const known = (place: Place, names: readonly string[]) => {
    if (!isMap(place.node)) refuse(place, `Expected a map of ${names.join(', ')}`)
    for (const [name, entry] of place.entries) {
      if (names.includes(name)) continue
      const meant = nearest(name, names)
      refuse(
        entry,
        `Unknown key \`${name}\`; ${meant === undefined ? `expected one of ${names.join(', ')}` : `did you mean \`${meant}\`?`}`,
      )
    }
  }
  known(root, ['lint'])
  const lint = root.get('lint')
  if (!lint.exists || lint.value === null) return { ignore: [] }
  known(lint, keys)

  const failOn = lint.get('failOn')
  if (failOn.exists && !severities.includes(failOn.text as Severity)) {
    refuse(failOn, `Expected \`failOn\` to be one of ${severities.join(', ')}, got \`${failOn.value}\``)
  }
  const behind = lint.get('behind')
  if (behind.exists && !(behind.text !== undefined && Object.hasOwn(presets, behind.text))) {
    refuse(behind, `Expected \`behind\` to be one of ${Object.keys(presets).join(', ')}, got \`${behind.value}\``)
  }
  const request = lint.get('longestRequest')
  let longestRequest: number | undefined
  if (request.exists) {
    try {
      longestRequest = duration(String(request.value))
    } catch (error) {
      refuse(request, `\`longestRequest\`: ${(error as Error).message}`)
    }
  }
  const version = lint.get('kubernetes')
  const kubernetes = version.text === undefined ? undefined : minorOf(version.text)
  if (version.exists && kubernetes === undefined) {
    // Without quotes 1.30 is 1.3.
    refuse(version, `Expected \`kubernetes\` to be a version in quotes such as "1.29", got \`${version.value}\``)
  }
  const ignore = lint.get('ignore')
  if (ignore.exists && !isSeq(ignore.node))
    refuse(ignore, 'Expected `ignore` to be a list of { rule, resource, reason }')
  return {
    ignore: ignore.items.map((item) => {
      known(item, ignoreKeys)
      const [rule, reason, resource] = [item.get('rule'), item.get('reason'), item.get('resource')]
      if (rule.text === undefined) refuse(item, 'An `ignore` needs a `rule`')
      const unknown = unknownRule(rule.text ?? '')
      if (unknown !== undefined) refuse(rule, unknown)
      if (reason.text === undefined || reason.text.trim() === '') {
        refuse(item, `To ignore \`${rule.text}\` there has to be a \`reason\``)
      }
      if (resource.exists && !/^[A-Za-z*]+\/.+$/.test(resource.text ?? '')) {
        refuse(
          resource,
          `Expected \`resource\` to be such as Deployment/web or Deployment/*, got \`${resource.value}\``,
        )
      }
      return {
        rule: rule.text ?? '',
        reason: reason.text ?? '',
        ...(resource.text !== undefined && { resource: resource.text }),
      }
    }),
    ...(failOn.exists && { failOn: failOn.text as Severity }),
    ...(behind.exists && { behind: behind.text as Behind }),
    ...(longestRequest !== undefined && { longestRequest }),
    ...(kubernetes !== undefined && { kubernetes }),
  }
}
