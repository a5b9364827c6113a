import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { loadFixtures, type NamedFixture } from '../src/fixture.js'
import { measure } from '../src/measure.js'
import { page } from '../src/page.js'
import { loadResults } from '../src/results.js'

let fixtures: readonly NamedFixture[]
beforeAll(async () => {
  fixtures = await loadFixtures()
})

function fixture(id: string): NamedFixture {
  const found = fixtures.find((each) => each.id === id)
  if (!found) throw new Error(`There is no fixture ${id}`)
  return found
}

describe('every fixture', () => {
  test('is private and has exact versions, except of podrain, which is packed from this repository', () => {
    for (const { id, source } of fixtures) {
      const manifest = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8'))
      expect(manifest.private, id).toBe(true)
      const versions = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })
      for (const [name, version] of versions) {
        const exact = name.startsWith('@podrain/') ? /^\*$/ : /^(npm:.+@)?\d+\.\d+\.\d+(-[\w.]+)?$/
        expect(version, `${id}: ${name}`).toMatch(exact)
      }
    }
  })

  test('depends on the package whose version is on the page', () => {
    for (const { id, source, package: name } of fixtures) {
      if (name === undefined) continue
      const manifest = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8'))
      expect({ ...manifest.dependencies, ...manifest.devDependencies }, id).toHaveProperty([name])
    }
  })

  test('is measured without and with podrain, under different names', () => {
    for (const { id, variants } of fixtures) {
      expect(variants.filter(({ podrain }) => podrain === undefined).length, id).toBeGreaterThan(0)
      expect(variants.filter(({ podrain }) => podrain !== undefined).length, id).toBeGreaterThan(0)
      expect(new Set(variants.map(({ name }) => name)).size, id).toBe(variants.length)
    }
  })

  test('of socket.io has the same recipe as the examples', () => {
    const of = (file: string): string | undefined =>
      /const io = new Server.*?(?=\n {2}socket\.on\('(?:price|question)')/s.exec(readFileSync(file, 'utf8'))?.[0]
    const example = of(join(__dirname, '../../../examples/recipes/socketio.js'))
    expect(example).toContain('allowRequest')
    expect(of(join(fixture('socket.io').source, 'recipe.js'))).toBe(example)
  })

  test('of a custom server of Next.js has the same recipe as docs/start/existing.md', () => {
    const of = (file: string): string | undefined =>
      /import \{ createServer \}[^`]*import next from 'next'[^`]*?(?=server\.listen)/.exec(
        readFileSync(file, 'utf8'),
      )?.[0]
    const shown = of(join(__dirname, '../../../docs/start/existing.md'))
    expect(shown).toContain('app.close()')
    expect(of(join(fixture('next-server').source, 'recipe.js'))).toBe(shown)
  })

  test('does not set variables that the kubelet sets', () => {
    for (const { id, variants } of fixtures) {
      for (const { env = {} } of variants) {
        expect(
          Object.keys(env).filter((name) => /^(PORT|HOST|POD_NAME|KUBERNETES_.*)$/.test(name)),
          id,
        ).toEqual([])
      }
    }
  })
})

test('docs/proof/frameworks.md has the stored results', () => {
  const file = join(__dirname, '../../../docs/proof/frameworks.md')
  const text = page(fixtures, loadResults(fixtures))
  // `pnpm frameworks --write` writes the page, too.
  if (process.env.TEST_WRITE === '1') writeFileSync(file, text)
  expect(readFileSync(file, 'utf8')).toBe(text)
})

test('every stored result belongs to a fixture', () => {
  const files = readdirSync(join(__dirname, '../results')).map((file) => file.replace(/\.json$/, ''))
  expect(files.filter((id) => !fixtures.some((each) => each.id === id))).toEqual([])
})

// The frameworks of these fixtures are installed in the workspace, so the fixtures need no installation.
describe.concurrent('a short rehearsal', () => {
  const roll = (id: string, index: number, hook: boolean) => {
    const { source, variants } = fixture(id)
    const variant = variants.at(index)
    if (!variant) throw new Error(`The fixture ${id} has no variant ${index}`)
    return measure(fixture(id), variant, { directory: source, hook, quick: true })
  }

  test('of Express without podrain loses requests, and the pods are killed', async () => {
    const outcome = await roll('express', 0, false)
    expect(outcome).toMatchObject({ hook: 'none', exits: { SIGKILL: 1 }, cleanedUp: 0 })
    expect(outcome).toHaveProperty(
      'lost',
      expect.toSatisfy((lost: number) => lost > 0),
    )
  })

  test('of Express with one line of podrain loses no request, and the clean-up runs', async () => {
    const outcome = await roll('express', -1, true)
    expect(outcome).toMatchObject({ hook: 'httpGet /prestop', lost: 0, exits: { 'exit 0': 1 }, cleanedUp: 1 })
  })

  test('of node:http with podrain preloaded loses no request, and its own SIGTERM listener runs', async () => {
    const outcome = await roll('node-http', 2, false)
    expect(outcome).toMatchObject({ hook: 'none', lost: 0, exits: { 'exit 0': 1 }, cleanedUp: 1 })
  })

  test('of a command that does not start shows the reason, and no path of this machine', async () => {
    const { source } = fixture('express')
    const outcome = await measure(
      fixture('express'),
      { name: 'missing', command: ['node', './missing.js'] },
      { directory: source, hook: false, quick: true },
    )
    expect(outcome).toHaveProperty('failed', expect.stringMatching(/Cannot find module/))
    expect(JSON.stringify(outcome)).not.toContain(source)
  })
})
