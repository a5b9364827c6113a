/**
 * Writes a software bill of materials (CycloneDX) of all packages that npm installs with podrain's packages, with peer dependencies.
 * podrain's packages come from the tarballs that are to be published.
 *
 *     node .ci/release/sbom.mjs <folder with tarballs> >podrain.cdx.json
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

const { positionals } = parseArgs({ allowPositionals: true })
if (positionals.length !== 1)
  throw new Error('sbom.mjs takes one folder, the one with the tarballs that are to be published')
const [folder] = positionals
const place = mkdtempSync(join(tmpdir(), 'podrain-sbom-'))
// npm uses the name of this directory as the name of the bill of materials.
const project = join(place, 'podrain-packages')
const npm = (...args) =>
  execFileSync('npm', [...args, '--package-lock-only'], { cwd: project, maxBuffer: 2 ** 26, encoding: 'utf8' })

const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../../packages/core/package.json'), 'utf8'))
mkdirSync(project)
writeFileSync(join(project, 'package.json'), JSON.stringify({ version, private: true }))
npm('install', '--no-audit', ...readdirSync(folder).map((file) => resolve(folder, file)))
process.stdout.write(npm('sbom', '--sbom-format', 'cyclonedx'))
rmSync(place, { recursive: true })
