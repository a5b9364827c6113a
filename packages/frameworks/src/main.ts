/**
 * Measures which requests a rolling update loses with each web framework, without and with podrain. Writes docs/proof/frameworks.md.
 *
 *     pnpm frameworks [--only <part of an id or a name; if none matches, of the name of a variant>] [--jobs 1]
 *                     [--quick: a short rehearsal whose result is printed and not stored]
 *                     [--write: measures nothing, and writes the page from the stored results]
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { loadFixtures, type NamedFixture } from './fixture.js'
import { install, pack, root } from './install.js'
import { type Failed, measure, type Outcome } from './measure.js'
import { page } from './page.js'
import { circumstances, keep, loadResults, type Row } from './results.js'

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    jobs: { type: 'string', default: '1' },
    quick: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
})

async function main(): Promise<void> {
  const concurrency = Number(values.jobs)
  if (!(Number.isInteger(concurrency) && concurrency > 0)) {
    throw new RangeError(`Expected --jobs to be a whole number from 1, got ${values.jobs}`)
  }
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
  const fixtures = await loadFixtures()
  try {
    if (!values.write) await measureAll(fixtures, concurrency, stop.signal)
  } finally {
    writeFileSync(join(root, 'docs', 'proof', 'frameworks.md'), page(fixtures, loadResults(fixtures)))
  }
}

async function measureAll(fixtures: readonly NamedFixture[], concurrency: number, signal: AbortSignal): Promise<void> {
  const isChosen = (text: string): boolean => text.toLowerCase().includes(values.only.toLowerCase())
  const byName = fixtures.filter(({ id, name }) => isChosen(id) || isChosen(name))
  const byVariant = fixtures.map((fixture) => ({
    fixture,
    variants: byName.length > 0 ? [] : fixture.variants.filter(({ name }) => isChosen(name)),
  }))
  const chosen = [...byName.map((fixture) => ({ fixture, variants: fixture.variants })), ...byVariant].filter(
    ({ variants }) => variants.length > 0,
  )
  if (chosen.length === 0) throw new RangeError(`No fixture's id, name or variant contains --only ${values.only}`)
  const tarballs = await pack(chosen.map(({ fixture }) => fixture))
  const { default: pMap } = await import('p-map')
  await pMap(
    chosen,
    async ({ fixture, variants }) => {
      const place = await install(fixture, tarballs).catch((error: Error): Failed => ({ failed: error.message }))
      for (const variant of variants) {
        const roll = async (hook: boolean): Promise<Outcome | Failed> => {
          if (typeof place !== 'string') return place
          return measure(fixture, variant, { directory: place, hook, quick: values.quick, signal })
        }
        const [alone, hooked] = [await roll(false), await roll(true)]
        const with_ = circumstances(fixture, typeof place === 'string' ? place : fixture.source)
        const row: Row = { variant: variant.name, ...with_, alone, hooked }
        console.log(`${fixture.name} ${row.version}: ${variant.name}\n  ${lineOf(alone)}\n  ${lineOf(hooked)}`)
        if (!values.quick) keep(fixture, [row])
      }
    },
    { concurrency, signal },
  )
}

function lineOf(outcome: Outcome | Failed): string {
  if ('failed' in outcome) return outcome.failed.replaceAll('\n', '\n  ')
  const { hook, lost, requests, lostByCause, exits, cleanedUp, goneAfterMs } = outcome
  const causes = JSON.stringify(lostByCause)
  return `${hook}: ${lost} of ${requests} lost ${causes}, exits ${JSON.stringify(exits)}, own hook ran in ${cleanedUp} pods, old pods gone after ${goneAfterMs} ms`
}

main().catch((error) => {
  console.error(error)
  process.exitCode = 1
})
