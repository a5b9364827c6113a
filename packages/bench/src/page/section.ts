import type { Directories, Result } from '../results.js'
import type { Spread } from '../statistics.js'
import type { Charts } from './charts.js'

/** Draws a section of a page from the stored result; undefined if there is no result. */
export type Section = (directories: Directories, charts: Charts) => Drawn | undefined

export interface Drawn {
  readonly text: string
  /** SVG by name, without the extension. */
  readonly pictures: Readonly<Record<string, string>>
}

/** A sentence that says where, when and with which versions a result was measured. */
export function origin({ date, command, machine, versions, seconds }: Result<unknown>): string {
  const { cpu, cores, memoryGB, kernel, node } = machine
  const packages = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return (
    `Measured on ${date} in ${seconds} s by \`${command}\`: ${cpu}, ${cores} processors, ${memoryGB} GB, ${kernel}, ` +
    `Node ${node}; ${packages.join(', ')}.`
  )
}

/** A Markdown table whose first column has text and whose other columns have numbers. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(head), `|---|${'--:|'.repeat(head.length - 1)}`, ...rows.map(line)].join('\n')
}

export function picture(name: string, what: string): string {
  return `![${what}](benchmarks/${name}.svg)`
}

/** A median with its quartiles. */
export function shown({ median, low, high }: Spread, digits = 0): string {
  return `${fixed(median, digits)} (${fixed(low, digits)}–${fixed(high, digits)})`
}

/** A number with a comma between thousands, and without a minus sign in front of zero. */
export function fixed(value: number, digits = 0): string {
  const text = value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
  return /^-[0.]+$/.test(text) ? text.slice(1) : text.replace('-', '−')
}

/** What the contenders do with each request. Part of the sections that measure requests over loopback. */
export const whoCounts = `- podrain, stoppable, @godaddy/terminus (with stoppable), http-graceful-shutdown, and lightship as it is set up here count
  requests in flight. http-shutdown notes with each request whether its connection is idle. The other libraries keep at most a list
  of connections, which costs time only when a connection opens.
- “a counter by hand” is a number and one listener for \`close\`. Counting cannot cost less, and a drain needs more than that number.
  “an empty middleware” does nothing. It shows what Express and Koa take for one more middleware. podrain is a middleware there, so
  that it needs no server handle. With a server handle, \`drainServer(server)\` of @podrain/core needs no middleware.`
