import { readFileSync } from 'node:fs'
import { type Rehearsal, renderPage, renderTable } from '@podrain/rehearsal'
import pc from 'picocolors'
import { prepareFile, writeResult } from './files.js'
import { UsageError } from './usage.js'

/** Flags of `podrain compare`. */
export interface CompareFlags {
  readonly html?: string
  readonly color: boolean
}

/** `podrain compare`. Resolves with the exit code: 0 when the second lost no more than the first, else 1. */
export async function runCompare(before: string, after: string, flags: CompareFlags): Promise<number> {
  const results = [read(before, 'before'), read(after, 'after')] as const
  if (flags.html !== undefined) prepareFile('--html', flags.html)
  const [first, second] = results.map(({ summary }) => summary.lost) as [number, number]
  process.stdout.write(
    `${renderTable(results, { colour: flags.color && pc.isColorSupported })}\n\nLost before: ${first}, after: ${second}\n`,
  )
  if (flags.html !== undefined) {
    await writeResult(flags.html, renderPage(results, { compare: true }))
    process.stdout.write(`Page: ${flags.html}\n`)
  }
  return second <= first ? 0 : 1
}

/** Reads what `podrain rehearse --json` wrote. */
function read(file: string, when: string): Rehearsal {
  let result: Rehearsal
  try {
    result = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new UsageError(`${file}: ${(error as Error).message}`)
  }
  if (typeof result?.summary?.lost !== 'number' || !Array.isArray(result.events) || !Array.isArray(result.samples)) {
    throw new UsageError(`${file} is no result of \`podrain rehearse --json ${file}\``)
  }
  return { ...result, options: { ...result.options, labels: { ...result.options.labels, when } } }
}
