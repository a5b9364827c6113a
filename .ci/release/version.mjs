/**
 * Makes the next version from `.changeset`. All packages get the same version, because they are one product. The texts of the changesets go
 * to the top of CHANGELOG.md, the only changelog. The release workflow runs this script for its pull request. Needs Node 22.11.
 *
 *     node .ci/release/version.mjs
 */
import { execSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readChangesets } from '@changesets/read'

const root = join(import.meta.dirname, '../..')
const changelog = join(root, 'CHANGELOG.md')
const weights = ['major', 'minor', 'patch']

const versionNow = () => JSON.parse(readFileSync(join(root, 'packages/core/package.json'), 'utf8')).version
/** The rank of a changeset in the list. Breaking changes come first. */
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
