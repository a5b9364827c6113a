import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

const packages = join(__dirname, '../..')
const published = readdirSync(packages)
  .map((name) => JSON.parse(readFileSync(join(packages, name, 'package.json'), 'utf8')))
  .filter((manifest) => !manifest.private)

describe.each(published)('$name, as npm installs it', ({ dependencies = {}, optionalDependencies = {} }) => {
  test('takes every dependency by range, so that a team gets a security fix without waiting for podrain', () => {
    const exact = Object.entries({ ...dependencies, ...optionalDependencies }).filter(
      // pnpm writes `workspace:^` as a range when it packs, and `workspace:*` as one version.
      ([, range]) => !/^(?:workspace:)?\^/.test(String(range)),
    )
    expect(exact).toEqual([])
  })
})
