import { basename, isAbsolute } from 'node:path'
import { type KnownOptions, unknowable } from '../../plan/options.js'
import type { Rehearsal } from '../../result/rehearsal.js'
import { unknown } from '../table.js'
import { disruptionOf } from './disruption.js'
import { count, seconds, shorten } from './format.js'
import { type Fragment, html, type Markup } from './html.js'
import { intervalsOf } from './load-series.js'
import { groupLosses, lostIn } from './losses.js'

/** When and where requests were lost, as the end of a sentence. */
export function whenAndWhere(result: Rehearsal): Markup {
  const groups = groupLosses(result)
  const times = groups.flatMap(({ losses }) => [losses[0]?.t ?? 0, losses.at(-1)?.t ?? 0])
  const update = disruptionOf(result)
  const first = Math.min(...times) - update.from
  const last = Math.max(...times) - update.from
  const when = seconds(first) === seconds(last) ? seconds(first) : `${seconds(first)} to ${seconds(last)}`
  const rows = [...new Set(groups.map(({ kind }) => kind.row))]
    .map((row) => ({ row, lost: lostIn(row, groups) }))
    .sort((a, b) => b.lost - a.lost)
  const shown: Fragment[] = rows
    .slice(0, rows.length > 5 ? 4 : 5)
    .map(({ row, lost }) => html`<span class="nowrap">${shorten(row, 40)} (${count(lost)})</span>`)
  if (rows.length > shown.length) shown.push(`${rows.length - shown.length} more`)
  return html`${when} after the ${update.noun} began, on ${listed(shown)}`
}

/** A share as a percentage. It is `0 %` only for none, and `100 %` only for all. */
export function share(part: number, whole: number): string {
  if (part === 0 || whole === 0) return '0 %'
  const percent = (100 * part) / whole
  if (percent < 0.1) return '< 0.1 %'
  return percent > 99.9 && part < whole ? '> 99.9 %' : `${percent.toFixed(percent < 10 ? 1 : 0)} %`
}

/** `a, b and c`. */
function listed(words: readonly Fragment[]): Fragment[] {
  return words.map((word, index) => [index === 0 ? '' : index === words.length - 1 ? ' and ' : ', ', word])
}

/** The slowest answer before and during the scenario, in ms; null if none was measured. */
export function slowest(result: Rehearsal): { readonly before: number | null; readonly during: number | null } {
  const update = disruptionOf(result)
  const worst = (from: number, to: number) =>
    intervalsOf(result)
      .filter((interval) => interval.to > from && interval.to <= to)
      .reduce<number | null>((most, { max }) => (max === null ? most : Math.max(most ?? 0, max)), null)
  return { before: worst(0, update.from), during: worst(update.from, update.to) }
}

export function milliseconds(ms: number | null): string {
  return ms === null ? '–' : `${count(Math.round(ms))} ms`
}

/** The options that a page shows. A page is sent to others, so it shows no directories of this machine. */
export function shownOptions(options: KnownOptions): Array<[string, string]> {
  const command = [options.command, ...options.args].map((word) => (isAbsolute(word) ? basename(word) : word)).join(' ')
  const elsewhere = ['name', 'labels', 'command', 'args', 'cwd', 'logs']
  const others = Object.entries(options).filter(([name]) => !elsewhere.includes(name))
  const isUnknown = (name: string, value: unknown) =>
    value === null && options.cluster !== null && (unknowable as readonly string[]).includes(name)
  return [
    ['command', command],
    ...others.map(([name, value]): [string, string] => [name, isUnknown(name, value) ? unknown : shown(value)]),
  ]
}

function shown(value: unknown): string {
  if (value === null) return 'none'
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
}

/** Text as HTML; words between backticks become code. */
export function prose(text: string): Fragment[] {
  return text.split('`').map((part, index) => (index % 2 === 1 ? html`<code>${part}</code>` : part))
}
