import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const packages = join(import.meta.dirname, '../../packages')

/** The packages that go to npm: what package.json says of each, and the folder that it is in. */
export const published = readdirSync(packages)
  .map((folder) => ({ folder, ...JSON.parse(readFileSync(join(packages, folder, 'package.json'), 'utf8')) }))
  .filter((manifest) => !manifest.private)
