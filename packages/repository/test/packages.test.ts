import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { published } from '../../../.ci/shared/published.mjs'

const root = join(__dirname, '../../..')

describe.each(published)('$name, as npm installs it', ({ dependencies = {}, optionalDependencies = {} }) => {
  test('takes every dependency by range, so that a team gets a security fix without waiting for podrain', () => {
    const exact = Object.entries({ ...dependencies, ...optionalDependencies }).filter(
      // pnpm writes `workspace:^` as a range when it packs, and `workspace:*` as one version.
      ([, range]) => !/^(?:workspace:)?\^/.test(String(range)),
    )
    expect(exact).toEqual([])
  })
})

describe.each(published)('$name, as npm shows it', ({ folder, ...manifest }) => {
  test('leads to its source, its guide and where to say what is wrong', () => {
    expect(manifest).toMatchObject({
      homepage: expect.stringMatching(/^https:\/\/podrain\.github\.io\/podrain\/[a-z-]+\/[a-z-]+$/),
      bugs: 'https://github.com/podrain/podrain/issues',
      // npm refuses provenance where this is not the repository that publishes.
      repository: {
        type: 'git',
        url: 'git+https://github.com/podrain/podrain.git',
        directory: `packages/${folder}`,
      },
    })
  })

  test('is found by what it is for, and says under which licence and on which Node it may be used', () => {
    expect(manifest).toMatchObject({
      description: expect.stringMatching(/\w/),
      keywords: expect.arrayContaining(['kubernetes']),
      license: 'MIT',
      engines: { node: '>=20.19' },
      publishConfig: { access: 'public' },
    })
  })
})

test('all packages have one version, so that one number says what fits together', () => {
  expect(new Set(published.map(({ version }) => version)).size).toBe(1)
})

test('every package has a size budget', async () => {
  const { default: budgets } = await import('../../../.size-limit.mjs')
  expect(budgets.map(({ name }) => name.split(',')[0]).toSorted()).toEqual(published.map(({ name }) => name).toSorted())
})

test('every package is told to npm when the first version is published', () => {
  const [, podrain = '', list = ''] =
    /for package in (\w+) @podrain\/\{([\w,]+)\}/.exec(readFileSync(join(root, 'RELEASING.md'), 'utf8')) ?? []
  const told = [podrain, ...list.split(',').map((name) => `@podrain/${name}`)]
  expect(told.toSorted()).toEqual(published.map(({ name }) => name).toSorted())
})
