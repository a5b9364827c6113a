import type { Directories, Result } from '../results.js'
import type { Spread } from '../statistics.js'
import type { Charts } from './charts.js'

/** A part of the page; undefined if there is nothing to show yet. */
export type Section = (directories: Directories, charts: Charts) => Drawn | undefined

export interface Drawn {
  readonly text: string
  /** SVG by name, without the extension. */
  readonly pictures: Readonly<Record<string, string>>
}

/** Where, when and with what it was measured. */
export function origin({ date, command, machine, versions, seconds }: Result<unknown>): string {
  const { cpu, cores, memoryGB, kernel, node } = machine
  const packages = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return (
    `Measured on ${date} in ${seconds} s by \`${command}\`: ${cpu}, ${cores} processors, ${memoryGB} GB, ${kernel}, ` +
    `Node ${node}; ${packages.join(', ')}.`
  )
}

/** A table whose columns are numbers from the second on. */
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

/** With a comma between thousands, and no minus before a zero. */
export function fixed(value: number, digits = 0): string {
  const text = value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
  return /^-[0.]+$/.test(text) ? text.slice(1) : text.replace('-', '−')
}

/** What the names of the contenders mean, wherever a request over loopback is measured. */
export const whoCounts = `- Who counts what is in flight: podrain, stoppable, @godaddy/terminus (with stoppable), http-graceful-shutdown, and lightship
  as it is wired here. http-shutdown notes with each request whether its connection is idle. The others keep a list of connections
  at most, and pay for that when one opens.
- “a counter by hand” is a number and one listener for \`close\`: the least that counting can cost, and nothing that a drain
  could work with. “an empty middleware” does nothing at all: what Express and Koa take for one layer more. Ours is one, so
  that it needs no server handle; where you have it, \`drainServer(server)\` of @podrain/core needs no layer.`
