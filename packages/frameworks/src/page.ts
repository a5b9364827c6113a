import type { NamedFixture, Variant } from './fixture.js'
import type { Failed, Outcome } from './measure.js'
import type { Results, Row } from './results.js'

const introduction = `# Web frameworks, and what they do at SIGTERM

For whoever asks what a rolling update loses with a web framework, by itself and with podrain.
\`npx -y pnpm@10.34.9 frameworks\` writes this page from [its results](../../packages/frameworks/results). Each
[application](../../packages/frameworks/fixtures) is the first example of the framework's own guide, installed from npm. The application
responds to a request after 100 ms. It has no code for SIGTERM, unless the name of the row says so. The end of this page says when, and with
which versions, each application was measured.

The [rehearsal](../../packages/rehearsal) replaces two pods of the application at the same time by two new ones, under load. The grace
period is 30 s, and endpoints change as late as behind kube-proxy, after 0.1 to 1.2 s. Each application is rehearsed twice:

- **SIGTERM alone**: there is no preStop hook.
- **With a hook**: the hook is \`preStop: { sleep: { seconds: 5 } }\`, and with podrain \`httpGet: { path: /prestop }\`.

“Exit” is how the old pods ended. \`SIGTERM\` means that the signal ended the process, because the process had no listener, or because
its listener raised the signal again. As process 1 of a container, the same process ignores the signal and is killed at the end of the
grace period. “Own hook” says whether the application's clean-up ran. The clean-up is a hook of the framework, or of podrain if the
framework has none. “–” means that there is no clean-up. Each number is from one rolling update, so an application that rarely loses a
request may show 0. Clients do not retry.`

const head = `| application | SIGTERM alone: lost | exit | own hook | with a hook: lost | exit | own hook |
|---|--:|---|---|--:|---|---|`

/** docs/proof/frameworks.md */
export function page(fixtures: readonly NamedFixture[], results: Results): string {
  const rows = fixtures.flatMap((fixture) => rowsOf(fixture, results.get(fixture.id) ?? []))
  const notes = fixtures.flatMap(({ name, note }) => (note === undefined ? [] : [`- ${name}: ${note}`]))
  const measured = fixtures.flatMap((fixture) => circumstances(fixture, results.get(fixture.id) ?? []))
  const failures = fixtures.flatMap((fixture) => failuresOf(fixture, results.get(fixture.id) ?? []))
  const parts = [introduction, total(fixtures, results), [head, ...rows].join('\n')]
  if (notes.length > 0) parts.push('## Notes', notes.join('\n'))
  if (failures.length > 0) parts.push('## What could not be measured', failures.join('\n\n'))
  parts.push('## When, and with what', measured.join('\n'))
  return `${parts.join('\n\n')}\n`
}

function rowsOf(fixture: NamedFixture, rows: readonly Row[]): string[] {
  return fixture.variants.map((variant, index) => {
    const row = rows.find((each) => each.variant === variant.name)
    const name = index === 0 ? `**${fixture.name}**${versions(rows)}: ${variant.name}` : `· ${variant.name}`
    const cells = row
      ? [row.alone, row.hooked].flatMap((outcome) => cellsOf(variant.cleanUp ?? fixture.cleanUp, outcome))
      : ['not yet measured']
    return `| ${[name + code(variant), ...cells, ...Array(Math.max(0, 6 - cells.length)).fill('')].join(' | ')} |`
  })
}

/** How much code podrain needs, for the name of a row. */
function code({ podrain }: Variant): string {
  if (podrain === undefined) return ''
  return podrain === 'none' ? ' — podrain, no line of code' : ` — podrain, ${podrain}`
}

function versions(rows: readonly Row[]): string {
  const all = [...new Set(rows.map(({ version }) => version))]
  return all.length === 0 ? '' : ` ${all.join(', ')}`
}

function cellsOf(cleanUp: string | undefined, outcome: Outcome | Failed): string[] {
  if ('failed' in outcome) return ['see below', '', '']
  const { lost, requests, exits, cleanedUp } = outcome
  const pods = Object.values(exits).reduce((sum, count) => sum + count, 0)
  const ran = cleanedUp === pods ? 'ran' : cleanedUp === 0 ? 'did not run' : `ran in ${cleanedUp} of ${pods}`
  return [
    `${lost === 0 ? '0' : `**${lost}**`} of ${requests}`,
    Object.keys(exits)
      .map((how) => how.replace(/^exit /, ''))
      .join(', '),
    cleanUp === undefined ? '–' : ran,
  ]
}

/** The table of all lost requests, without and with podrain. */
function total(fixtures: readonly NamedFixture[], results: Results): string {
  const sum = (podrain: boolean, which: 'alone' | 'hooked'): string => {
    const outcomes = fixtures.flatMap(({ id, variants }) =>
      (results.get(id) ?? []).flatMap((row) => {
        const isOne = (variants.find(({ name }) => name === row.variant)?.podrain !== undefined) === podrain
        return isOne && 'lost' in row[which] ? [row[which]] : []
      }),
    )
    const [lost, requests] = outcomes.reduce(([l, r], outcome) => [l + outcome.lost, r + outcome.requests], [0, 0])
    return `${lost} of ${requests} (${outcomes.filter((outcome) => outcome.lost > 0).length} of ${outcomes.length} rows)`
  }
  return `| all together | SIGTERM alone: lost | with a hook: lost |
|---|--:|--:|
| without podrain | ${sum(false, 'alone')} | ${sum(false, 'hooked')} |
| with podrain | ${sum(true, 'alone')} | ${sum(true, 'hooked')} |`
}

function circumstances(fixture: NamedFixture, rows: readonly Row[]): string[] {
  const what = rows.map(
    ({ version, node, date, commit }) =>
      `${fixture.package ?? 'Node'} ${version}${fixture.package ? ` on Node ${node.slice(1)}` : ''}, ${date}, podrain at ${commit}`,
  )
  return [...new Set(what)].map((one) => {
    const some = rows.filter((_row, index) => what[index] === one).map(({ variant }) => variant)
    return `- ${fixture.name}${some.length === rows.length ? '' : ` (${some.join('; ')})`}: ${one}`
  })
}

function failuresOf({ name }: NamedFixture, rows: readonly Row[]): string[] {
  return rows.flatMap(({ variant, alone, hooked }) => {
    const reasons = [alone, hooked].flatMap((outcome) => ('failed' in outcome ? [outcome.failed] : []))
    return [...new Set(reasons)].map((reason) => `${name}: ${variant}\n\n\`\`\`\n${reason}\n\`\`\``)
  })
}
