/**
 * Tests servers in several languages with the command line of the contract, and writes the scores.
 *
 *     node main.js [--only <part of a name>]… [--jobs 3] [--write docs/proof/contract-servers.md]
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type { Verdict } from '../score/verdict.js'
import { hold } from './command-line.js'
import { page } from './page.js'
import { strangers, versionOf } from './servers.js'

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true, default: [''] },
    jobs: { type: 'string', default: '3' },
    write: { type: 'string' },
  },
})

async function main(): Promise<void> {
  const begun = performance.now()
  const wanted = strangers.filter(({ name }) => values.only.some((part) => name.includes(part)))
  const missing = wanted.filter((stranger) => versionOf(stranger) === undefined)
  if (missing.length > 0)
    throw new Error(`not installed: ${missing.map(({ version }) => version.join(' ')).join(', ')}`)
  const { default: pMap } = await import('p-map')
  const verdicts: Verdict[][] = await pMap(
    wanted,
    async (stranger) => {
      const own = await hold(stranger)
      const asked = own.filter(({ result }) => result.outcome !== 'not asked')
      const kept = asked.filter(({ result }) => result.outcome === 'kept')
      const seconds = ((performance.now() - begun) / 1000).toFixed(0)
      console.log(`${seconds.padStart(5)} s  ${stranger.name}: ${kept.length} of ${asked.length} kept`)
      return own
    },
    { concurrency: Number(values.jobs) },
  )
  const text = page(wanted, verdicts.flat(), {
    minutes: Math.ceil((performance.now() - begun) / 60_000),
    date: new Date().toISOString().slice(0, 10),
  })
  if (values.write) writeFileSync(values.write, text)
  else console.log(`\n${text}`)
}

void main()
