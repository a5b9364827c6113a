/**
 * Measures whether a server stays a correct HTTP/1.1, HTTP/2 and WebSocket server while podrain drains it. Writes
 * docs/proof/protocols.md.
 *
 *     pnpm protocols [--h2spec <program>] [--autobahn <wstest>: also runs these suites]
 *                    [--cases 1.*,2.*: runs only these cases of Autobahn]
 *                    [--phases bare,serving: runs only these phases]
 *                    [--write: measures nothing, and writes the page from the stored results]
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Phase, phases } from './front.js'
import { page } from './page.js'
import { keep, load, type Suite } from './results.js'
import { autobahn } from './suites/autobahn.js'
import { h2spec } from './suites/h2spec.js'
import type { SuiteRun } from './suites/suite.js'
import { allVectors } from './vectors/index.js'

const { values } = parseArgs({
  options: {
    h2spec: { type: 'string' },
    autobahn: { type: 'string' },
    cases: { type: 'string', default: '1.*,2.*,3.*,4.*,5.*,6.*,7.*,9.*,10.*' },
    phases: { type: 'string', default: Object.keys(phases).join() },
    write: { type: 'boolean', default: false },
  },
})

async function main(): Promise<void> {
  const chosen = values.phases.split(',')
  for (const phase of chosen) {
    if (!(phase in phases)) throw new RangeError(`Expected --phases to be some of ${Object.keys(phases)}, got ${phase}`)
  }
  if (!values.write) for (const phase of chosen as Phase[]) await measure(phase)
  const text = page({ vectors: load('vectors'), h2spec: load('h2spec'), autobahn: load('autobahn') })
  writeFileSync(join(__dirname, '../../../docs/proof/protocols.md'), text)
}

async function measure(phase: Phase): Promise<void> {
  note('vectors', phase, await allVectors(phase))
  if (values.h2spec) note('h2spec', phase, await h2spec(values.h2spec, phase))
  if (values.autobahn) note('autobahn', phase, await autobahn(values.autobahn, values.cases.split(','), phase))
}

function note(suite: Suite, phase: Phase, { outcomes, leftInFlight }: SuiteRun): void {
  console.log(`${suite}, ${phases[phase]}: ${outcomes.size} cases, ${leftInFlight} left in flight`)
  keep(suite, phase, { leftInFlight, outcomes: Object.fromEntries(outcomes) })
}

main().catch((error) => {
  console.error(error)
  process.exitCode = 1
})
