/**
 * Checks every server under test against the contract on every supported Node version, with binaries from the npm registry. Writes
 * docs/proof/contract.md.
 *
 *     node .ci/repeat/contract-matrix.mjs [--node 20,22]
 *
 * With --node the table is printed, and no page is written.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { parseArgs } from 'node:util'
import { namesOf } from '../shared/arguments.mjs'
import { tableOf } from '../shared/table.mjs'
import { node, supported, vitest } from './node.mjs'

const { values } = parseArgs({ options: { node: { type: 'string' } } })
const peers = 'packages/peers'
const require = createRequire(import.meta.url)
const load = (path) => require(`../../${peers}/dist/${path}`)
const { rooms } = load('behaviours/index.js')
const { whyNotAsked } = load('behaviours/behaviour.js')

/** The test files that check servers against the contract, and their servers. */
const suites = readdirSync(`${peers}/test`)
  .filter((file) => file.endsWith('.test.ts'))
  .map((file) => ({ file: `${peers}/test/${file}`, subjects: subjectsOf(basename(file, '.test.ts')) }))
  .filter(({ subjects }) => subjects.length > 0)
  // node:http first.
  .sort((a, b) => Number(b.file.endsWith('/node.test.ts')) - Number(a.file.endsWith('/node.test.ts')))
const subjects = suites.flatMap(({ subjects }) => subjects)
const behaviours = rooms.flatMap((room) => room.behaviours.map((behaviour) => ({ room, behaviour })))

function subjectsOf(name) {
  if (!readdirSync(`${peers}/dist/subjects`).includes(`${name}.js`)) return []
  return load(`subjects/${name}.js`)[`${name}Subjects`] ?? []
}

/** The results of the contract on one Node version. */
function column(major) {
  const named = node(major)
  const directory = mkdtempSync(join(tmpdir(), 'podrain-'))
  const report = join(directory, 'report.json')
  const { status, seconds, output } = vitest(
    named,
    ...suites.map(({ file }) => file),
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
  )
  try {
    const { testResults } = JSON.parse(readFileSync(report, 'utf8'))
    const tests = new Map()
    for (const { ancestorTitles, title, status, failureMessages } of testResults.flatMap(
      (file) => file.assertionResults,
    )) {
      const why = status === 'passed' ? undefined : (failureMessages[0]?.split('\n')[0] ?? status)
      tests.set([...ancestorTitles, title].join(' '), { why })
    }
    // Every behaviour must have a result, so a file that did not load is a failure, too.
    const loading = testResults.find(({ message }) => message)?.message.split('\n')[0]
    const cells = subjects.map((subject) => {
      const sensible = behaviours.filter(({ behaviour }) => whyNotAsked(behaviour, subject.has) === undefined)
      const failures = sensible.flatMap(({ room, behaviour }) => {
        const sentence = `${subject.name} ${room.name}: ${behaviour.name}`
        const { why } = tests.get(sentence) ?? { why: loading ?? 'was not run' }
        return why === undefined ? [] : [{ sentence, why }]
      })
      return { passed: sensible.length - failures.length, total: sensible.length, failures }
    })
    // An error outside of every test fails the run, too.
    const failures = cells.flatMap((cell) => cell.failures)
    if (status !== 0 && failures.length === 0) failures.push({ sentence: 'the run', why: `exit ${status}` })
    const passed = cells.reduce((sum, cell) => sum + cell.passed, 0)
    console.log(`Node ${named.version}: ${passed} passed, ${failures.length} failed in ${seconds} s`)
    for (const { sentence, why } of failures) console.log(`  ${sentence}: ${why}`)
    return { version: named.version.slice(1), cells, failures }
  } catch (error) {
    throw new Error(`Node ${named.version}: exit ${status}: ${output}`, { cause: error })
  } finally {
    rmSync(directory, { recursive: true })
  }
}

const results = (columns) =>
  tableOf(
    ['server', ...columns.map(({ version }) => `Node ${version}`)],
    subjects.map(({ name }, row) => [
      name,
      ...columns.map(({ cells }) => {
        const { passed, total } = cells[row]
        return passed === total ? `${passed} / ${total}` : `**${passed} / ${total}**`
      }),
    ]),
  )

/** How many behaviours apply to a server, how many do not, and the reasons, the most frequent first. */
function reasons(subject) {
  const counts = new Map()
  for (const { behaviour } of behaviours) {
    const why = whyNotAsked(behaviour, subject.has)
    if (why !== undefined) counts.set(why, (counts.get(why) ?? 0) + 1)
  }
  const ordered = [...counts].sort(([, a], [, b]) => b - a)
  const none = ordered.reduce((sum, [, count]) => sum + count, 0)
  return [String(behaviours.length - none), String(none), ordered.map(([why, count]) => `${why}: ${count}`).join(', ')]
}

/** The number of servers that a behaviour applies to, if it does not apply to all. */
function reach(behaviour) {
  const count = subjects.filter((subject) => whyNotAsked(behaviour, subject.has) === undefined).length
  return count === subjects.length ? '' : ` *(${count} of ${subjects.length} servers)*`
}

function page(columns) {
  const failures = columns.flatMap(({ version, failures }) => failures.map((failure) => ({ version, ...failure })))
  const distinct = new Set(behaviours.map(({ room, behaviour }) => `${room.name}: ${behaviour.name}`)).size
  const checks = columns.reduce((sum, { cells }) => sum + cells.reduce((sum, { total }) => sum + total, 0), 0)
  return `# The contract

For whoever asks what a server with podrain does when it is told to end. Clients and the kubelet may expect ${distinct} behaviours. Each
behaviour is a sentence and a test. Each server is tested for all behaviours that apply to it, on every supported Node version.

Written on ${new Date().toISOString().slice(0, 10)} by \`npx -y pnpm@10.34.9 contract:matrix\`, which runs all ${checks} checks.
\`npx -y pnpm@10.34.9 contract\` runs the checks on the installed Node version.

## Kept behaviours, of those that apply

${results(columns)}

${failures.length === 0 ? 'No behaviour was broken.' : `Broken:\n\n${failures.map(({ version, sentence, why }) => `- Node ${version}, ${sentence}: \`${why.replaceAll('`', "'")}\``).join('\n')}`}

## What does not apply, and why

Each behaviour is counted once, with the first reason that applies.

${tableOf(
  ['server', 'apply', 'do not apply', 'why'],
  subjects.map((subject) => [subject.name, ...reasons(subject)]),
)}

## The behaviours

${tableOf(
  ['about', 'behaviours'],
  rooms.map(({ name, behaviours }) => [name, String(behaviours.length)]),
)}

${rooms
  .map(
    ({ name, behaviours }) =>
      `### ${name}\n\n${behaviours.map((behaviour) => `- ${behaviour.name}${reach(behaviour)}`).join('\n')}`,
  )
  .join('\n\n')}
`
}

const columns = (values.node ? namesOf('node', values.node, supported) : supported).map(column)
if (values.node) console.log(results(columns))
else writeFileSync('docs/proof/contract.md', page(columns))
process.exit(columns.some(({ failures }) => failures.length > 0) ? 1 : 0)
