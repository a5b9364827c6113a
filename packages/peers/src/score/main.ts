/**
 * Tests podrain and every peer against the contract, and writes the scores.
 *
 *     node main.js [--only <part of a row's name>]… [--behaviour <part of a sentence>] [--jobs 4]
 *                  [--write docs/proof/peers.md] [--json <file>]
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { askAll } from '@podrain/contract'
import { peers } from '../subjects/peers.js'
import { look } from './look.js'
import { page } from './page.js'
import { casesOf, unaskable, type Verdict } from './verdict.js'

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    behaviour: { type: 'string' },
    jobs: { type: 'string' },
    write: { type: 'string' },
    json: { type: 'string' },
  },
})

async function main(): Promise<void> {
  const begun = performance.now()
  const log = (line: string): void => {
    console.log(`${((performance.now() - begun) / 1000).toFixed(0).padStart(5)} s  ${line}`)
  }
  const cases = casesOf(peers, values.only, values.behaviour)

  const rows = new Map<string, Verdict[]>()
  const verdicts = await askAll(
    cases,
    Number(values.jobs ?? 4),
    async (one) => unaskable(one) ?? look(one),
    (verdict) => {
      if (verdict.again) return
      const row = [...(rows.get(verdict.subject.name) ?? []), verdict]
      rows.set(verdict.subject.name, row)
      if (row.length < cases.filter(({ subject }) => subject.name === verdict.subject.name).length) return
      const asked = row.filter(({ result }) => result.outcome !== 'not asked')
      const kept = asked.filter(({ result }) => result.outcome === 'kept')
      log(`${verdict.subject.name}: ${kept.length} of ${asked.length} kept`)
    },
  )

  const text = page(verdicts, {
    seconds: (performance.now() - begun) / 1000,
    node: process.version,
    date: new Date().toISOString().slice(0, 10),
    options: (['only', 'behaviour', 'jobs', 'write'] as const).flatMap((option) => {
      return [values[option] ?? []]
        .flat()
        .flatMap((value) => [`--${option}`, value.includes(' ') ? `"${value}"` : value])
    }),
  })
  if (values.write) writeFileSync(values.write, text)
  else console.log(`\n${text}`)
  if (values.json) writeFileSync(values.json, JSON.stringify(verdicts.map(plain), null, 1))
}

function plain({ subject, room, behaviour, result, again }: Verdict): object {
  return { subject: subject.name, room: room.name, behaviour: behaviour.name, ...result, again }
}

void main()
