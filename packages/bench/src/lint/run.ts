/**
 * One look at all files, in a process of its own.
 *
 *     node run.js <shape> <apps>
 */
import { lint } from '@podrain/manifests'
import { manifestsOf, type Shape } from './manifests.js'

export interface Measured {
  readonly documents: number
  readonly findings: number
  /** Milliseconds of the processor, all threads. */
  readonly cpu: number
  /** The most memory that the process has had, in MB. */
  readonly peak: number
}

const [shape = '', apps = ''] = process.argv.slice(2)
// The schemas are loaded once, however many objects there are.
lint(manifestsOf(shape as Shape, 1))
const sources = manifestsOf(shape as Shape, Number(apps))
const before = process.cpuUsage()
const { documents, findings } = lint(sources)
const { user, system } = process.cpuUsage(before)
process.send?.({
  documents,
  findings: findings.length,
  cpu: (user + system) / 1000,
  peak: process.resourceUsage().maxRSS / 1024,
} satisfies Measured)
