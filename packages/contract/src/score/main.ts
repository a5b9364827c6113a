/**
 * Holds every peer to the contract, and ourselves, and writes the score.
 *
 *     node main.js [--only <part of a row's name>]… [--behaviour <part of a sentence>] [--jobs 4]
 *                  [--write docs/proof/peers.md] [--json <file>]
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { peers } from '../subjects/peers.js'
import { look } from './look.js'
import { page } from './page.js'
import { type Case, casesOf, outcome, unaskable, type Verdict } from './verdict.js'

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

  const first = await inRows(cases, Number(values.jobs ?? 4), log, async (one): Promise<Verdict> => {
    return { ...one, result: unaskable(one) ?? (await look(one)) }
  })
  log('each broken one once more, alone')
  const verdicts = await inRows(first, 1, log, async (one): Promise<Verdict> => {
    return one.result.outcome === 'broken' ? { ...one, again: await look(one) } : one
  })

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

/** Does something with each, and says when a row is through. */
async function inRows<One extends Case>(
  cases: readonly One[],
  jobs: number,
  log: (line: string) => void,
  act: (one: One) => Promise<Verdict>,
): Promise<Verdict[]> {
  const rows = new Map<string, { open: number; verdicts: Verdict[] }>()
  for (const { subject } of cases) {
    const row = rows.get(subject.name) ?? { open: 0, verdicts: [] }
    row.open++
    rows.set(subject.name, row)
  }
  const { default: pMap } = await import('p-map')
  const run = async (one: One): Promise<Verdict> => {
    const verdict = await act(one)
    const row = rows.get(one.subject.name)
    row?.verdicts.push(verdict)
    if (row && --row.open === 0) {
      const asked = row.verdicts.filter((verdict) => outcome(verdict) !== 'senseless')
      const kept = asked.filter((verdict) => outcome(verdict) === 'kept')
      log(`${one.subject.name}: ${kept.length} of ${asked.length} kept`)
    }
    return verdict
  }
  return pMap(cases, run, { concurrency: jobs })
}

function plain({ subject, room, behaviour, result, again }: Verdict): object {
  return { subject: subject.name, room: room.name, behaviour: behaviour.name, ...result, again }
}

void main()
