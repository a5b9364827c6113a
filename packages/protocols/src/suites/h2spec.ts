import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Front, type Phase } from '../front.js'
import { execute, type SuiteRun } from './suite.js'

/**
 * Runs h2spec with its strict cases.
 * @param program The path of h2spec.
 */
export async function h2spec(program: string, phase: Phase): Promise<SuiteRun> {
  const front = await Front.open('http2', phase)
  const report = join(mkdtempSync(join(tmpdir(), 'h2spec-')), 'junit.xml')
  const args = ['--port', String(front.port), '--strict', '--timeout', '3', '--junit-report', report]
  await execute(program, args)
  await front.close()
  return { outcomes: outcomesOf(readFileSync(report, 'utf8')), leftInFlight: front.leftInFlight }
}

/** The outcome of each case in a report of h2spec, which has the format of JUnit. */
function outcomesOf(report: string): Map<string, string> {
  const cases = report.matchAll(/<testcase package="([^"]*)" classname="([^"]*)"[^>]*>([\s\S]*?)<\/testcase>/g)
  return new Map(
    [...cases].map(([, section, title, inner = '']) => {
      const outcome = inner.includes('<skipped') ? 'skipped' : inner.trim() === '' ? 'passed' : 'failed'
      return [`${section}: ${title}`, outcome]
    }),
  )
}
