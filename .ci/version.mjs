/**
 * Makes the next version out of `.changeset`: all packages get it, as they are one product, and what the changesets tell goes
 * to the top of CHANGELOG.md, the one changelog. The release workflow runs it for its pull request; it needs Node 22.11.
 *
 *     node .ci/version.mjs
 */
import { execSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readChangesets } from '@changesets/read'

const root = join(import.meta.dirname, '..')
const changelog = join(root, 'CHANGELOG.md')
const weights = ['major', 'minor', 'patch']

const versionNow = () => JSON.parse(readFileSync(join(root, 'packages/core/package.json'), 'utf8')).version
/** The place of a changeset in the list: what breaks first. */
const rank = ({ releases }) => Math.min(...releases.map(({ type }) => weights.indexOf(type)))

const changesets = (await readChangesets(root))
  .filter(({ releases }) => releases.length > 0)
  .toSorted((a, b) => rank(a) - rank(b))
const entries = changesets.map(({ releases, summary }) => {
  const names = releases.map(({ name }) => `\`${name}\``).join(', ')
  return `- ${names}: ${summary.trim().replaceAll('\n', '\n  ')}\n`
})

const previous = versionNow()
execSync('changeset version', { cwd: root, stdio: 'inherit' })
const version = versionNow()

const [title, ...sections] = readFileSync(changelog, 'utf8').split(/^(?=## )/m)
const compare = `https://github.com/podrain/podrain/compare/v${previous}...v${version}`
writeFileSync(changelog, [title, `## [${version}](${compare})\n\n${entries.join('')}\n`, ...sections].join(''))
