/**
 * Checks that every dependency of a published package has a permissive licence: one that requires only its text and the names of its
 * authors.
 *
 *     pnpm exec node .ci/checks/licences.mjs
 */
import { execSync } from 'node:child_process'
import { published } from '../shared/published.mjs'

const allowed = ['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'CC0-1.0', 'ISC', 'MIT']

const filters = published.map(({ name }) => `--filter=${name}`).join(' ')
const listed = execSync(`pnpm licenses list --prod --json ${filters}`, { encoding: 'utf8' })

const refused = Object.entries(JSON.parse(listed)).filter(([licence]) => !allowed.includes(licence))
for (const [licence, dependencies] of refused) {
  for (const { name, versions } of dependencies) console.error(`${name} ${versions.join(', ')}: ${licence}`)
}
if (refused.length > 0) {
  console.error(
    `Allowed are ${allowed.join(', ')}. Leave these dependencies out, or add their licence to .ci/checks/licences.mjs.`,
  )
  process.exitCode = 1
}
