import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { published } from '../../shared/published.mjs'
import { run } from './run.mjs'
import { record, table } from './tally.mjs'

const root = join(import.meta.dirname, '../../..')
const manifestOf = (directory) => JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'))
export const { packageManager, devDependencies } = manifestOf(root)

/** Packs every published package as `pnpm publish` does, and unpacks the tarball, because packing replaces `workspace:` by ranges. */
export async function pack(place) {
  const directory = join(place, 'packed')
  mkdirSync(directory)
  const filters = published.flatMap(({ name }) => ['--filter', name])
  await run(root, 'npx', ['-y', packageManager, ...filters, '-r', 'pack', '--pack-destination', directory])
  return Promise.all(
    published.map(async ({ name, version }) => {
      const file = join(directory, `${name.replace('@', '').replace('/', '-')}-${version}.tgz`)
      const unpacked = file.replace(/\.tgz$/, '')
      mkdirSync(unpacked)
      await run(unpacked, 'tar', ['-xzf', file, '--strip-components', '1'])
      return { file, unpacked, manifest: manifestOf(unpacked) }
    }),
  )
}

/** The files in a directory, with their sizes. */
export function filesIn(directory) {
  const all = readdirSync(directory, { recursive: true }).map((path) => ({
    path: path.replaceAll('\\', '/'),
    stat: statSync(join(directory, path)),
  }))
  return all.filter(({ stat }) => stat.isFile()).map(({ path, stat }) => ({ path, size: stat.size, stat }))
}

const sum = (numbers) => numbers.reduce((total, each) => total + each, 0)
export const bytesIn = (directory) => sum(filesIn(directory).map(({ size }) => size))
export const kilobytes = (bytes) => `${(bytes / 1000).toFixed(0)} kB`

/** The files that `exports`, `main`, `types` and `bin` of a manifest name. */
function namedIn({ exports, main, types, bin }) {
  const leaves = (value) =>
    typeof value === 'object' && value !== null ? Object.values(value).flatMap(leaves) : value ? [value] : []
  return [exports, main, types, bin].flatMap(leaves).map((path) => path.replace(/^\.\//, ''))
}

function complaintsOf({ manifest, unpacked }) {
  const paths = filesIn(unpacked).map(({ path }) => path)
  const fields = ['dependencies', 'peerDependencies', 'optionalDependencies']
  const ranges = fields.flatMap((field) => Object.entries(manifest[field] ?? {}))
  return [
    ...['LICENSE', 'README.md', ...namedIn(manifest)]
      .filter((path) => !paths.includes(path))
      .map((path) => `no ${path}`),
    ...paths.filter((path) => /(^|\/)(src|tests?|node_modules)\/|\.test\.|\.tsbuildinfo$/.test(path)),
    ...ranges.filter(([, range]) => /^(workspace|catalog|link|file):/.test(range)).map((each) => each.join(' ')),
  ]
}

/** Checks that each tarball has a licence, a README and the files that its manifest names, and no sources or tests. */
export async function tarballs({ packed }) {
  const rows = packed.map((each) => {
    const { manifest, file, unpacked } = each
    const complaint = complaintsOf(each).join(', ') || undefined
    const own = Object.entries({ ...manifest.dependencies, ...manifest.peerDependencies })
    return [
      `${manifest.name} ${manifest.version}`,
      String(filesIn(unpacked).length),
      kilobytes(statSync(file).size),
      kilobytes(bytesIn(unpacked)),
      own.map((each) => each.join(' ')).join(', '),
      record(`${manifest.name}, contents of the tarball`, complaint),
    ]
  })
  const last = 'has LICENSE, README and all exports; no tests, no `workspace:`'
  table(['tarball', 'files', 'packed', 'unpacked', 'depends on', last], rows)
}
