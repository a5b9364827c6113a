/**
 * Lints all files once, in its own process.
 *
 *     node run.js <shape> <apps>
 */
import { lint } from '@podrain/manifests'
import { manifestsOf, type Shape } from './manifests.js'

export interface Measured {
  readonly documents: number
  readonly findings: number
  /** Processor time of all threads, in milliseconds. */
  readonly cpu: number
  /** The largest resident set of the process, in MiB. */
  readonly peak: number
}

const [shape = '', apps = ''] = process.argv.slice(2)
// Loads the schemas, which happens once per process and is not measured.
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
