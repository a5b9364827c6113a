import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { expect, test } from 'vitest'

const root = join(__dirname, '../../..')

const filesOf = (...patterns: string[]): string[] =>
  execFileSync('git', ['ls-files', '--', ...patterns], { cwd: root, encoding: 'utf8' })
    .trim()
    .split('\n')

interface Manifest {
  readonly name: string
  readonly dependencies?: object
  readonly devDependencies?: object
  readonly peerDependencies?: object
}

/** Every package of the workspace by its folder, with all that its package.json names. */
const packages = new Map(
  filesOf('packages/*/package.json', 'examples/*/package.json', 'docs/package.json').map((file) => {
    const manifest: Manifest = JSON.parse(readFileSync(join(root, file), 'utf8'))
    const { name, dependencies, devDependencies, peerDependencies } = manifest
    return [dirname(file), { name, named: Object.keys({ ...dependencies, ...devDependencies, ...peerDependencies }) }]
  }),
)
const namedBy = new Map([...packages.values()].map(({ name, named }) => [name, named]))

/** The way from a package back to itself, if there is one. */
function circleOf(start: string, way: readonly string[] = [start]): readonly string[] | undefined {
  for (const next of namedBy.get(way.at(-1) ?? '') ?? []) {
    if (next === start) return [...way, next]
    const circle = way.includes(next) ? undefined : circleOf(start, [...way, next])
    if (circle) return circle
  }
  return undefined
}

test('no package depends on itself by way of others, in its tests either', () => {
  expect([...namedBy.keys()].flatMap((name) => circleOf(name)?.join(' → ') ?? [])).toEqual([])
})

test('what the code of a package imports from the folder of another is in its package.json, so that it is built before', () => {
  const undeclared = filesOf('packages/*/src/*.ts', 'packages/*/browser/*.ts').flatMap((file) => {
    const own = file.split('/').slice(0, 2).join('/')
    const text = readFileSync(join(root, file), 'utf8')
    return [...text.matchAll(/^(?:import|export) .* from '(\.[^']+)'/gm)].flatMap(([, path = '']) => {
      const other = relative(root, join(root, dirname(file), path))
        .split('/')
        .slice(0, 2)
        .join('/')
      const name = packages.get(other)?.name
      if (other === own || name === undefined || packages.get(own)?.named.includes(name)) return []
      return `${file}: ${path}`
    })
  })
  expect(undeclared).toEqual([])
})
