import { mkdirSync, statSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { tableOf } from '../../shared/table.mjs'
import { npmrcOf } from './project.mjs'
import { run } from './run.mjs'
import { record } from './tally.mjs'
import { bytesIn, filesIn, kilobytes } from './tarballs.mjs'

const starts = 20

/** Measures what each package adds to a project that has only the peers of the package. */
export async function sizes({ place, registry, packed, write }) {
  const rows = []
  for (const { manifest, file, unpacked } of packed) {
    const peers = Object.entries(manifest.peerDependencies ?? {}).filter(
      ([name]) => !manifest.peerDependenciesMeta?.[name]?.optional,
    )
    const directory = join(place, 'sizes', manifest.name)
    mkdirSync(directory, { recursive: true })
    writeFileSync(join(directory, 'package.json'), '{ "private": true }')
    writeFileSync(join(directory, '.npmrc'), npmrcOf(registry))
    const before = await install(directory, registry, Object.fromEntries(peers))
    const after = await install(directory, registry, {
      ...Object.fromEntries(peers),
      [manifest.name]: manifest.version,
    })
    rows.push([
      `\`${manifest.name}\``,
      peers.map(([name]) => `\`${name}\``).join(', '),
      kilobytes(statSync(file).size),
      kilobytes(bytesIn(unpacked)),
      String(after.packages - before.packages),
      megabytes(after.bytes - before.bytes),
      megabytes(after.blocks - before.blocks),
      `${(await loadTime(directory, manifest, peers)).toFixed(0)} ms`,
    ])
    record(`${manifest.name}, size`)
  }
  const page = pageOf(rows)
  console.log(`\n${page}`)
  if (write) writeFileSync(write, page)
}

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`

/** The packages and bytes in node_modules after npm has installed these dependencies. */
async function install(directory, registry, dependencies) {
  writeFileSync(join(directory, 'package.json'), JSON.stringify({ private: true, dependencies }))
  await run(directory, 'npm', ['install', '--omit=dev', '--no-audit', '--no-fund', '--no-package-lock'], {
    npm_config_registry: registry.url,
  })
  if (Object.keys(dependencies).length === 0) return { packages: 0, bytes: 0, blocks: 0 }
  const files = filesIn(join(directory, 'node_modules'))
  const isPackage = ({ path }) => /(^|\/node_modules\/)(@[^/]+\/)?[^/@.][^/]*\/package\.json$/.test(path)
  return {
    packages: files.filter(isPackage).length,
    bytes: files.reduce((total, { size }) => total + size, 0),
    blocks: files.reduce((total, { stat }) => total + stat.blocks * 512, 0),
  }
}

/** The median CPU time to load a package after its peers, in milliseconds. A command runs with `--version`. */
async function loadTime(directory, { name, bin, main }, peers) {
  const entry = main === undefined ? join(directory, 'node_modules', name, Object.values(bin)[0]) : name
  const script = `for (const name of ${JSON.stringify(peers.map(([name]) => name))}) require(name)
    const start = process.cpuUsage()
    process.on('exit', () => {
      const { user, system } = process.cpuUsage(start)
      console.log('\\n' + (user + system) / 1000)
    })
    process.argv.push('--version')
    require(${JSON.stringify(entry)})
    process.exit()`
  writeFileSync(join(directory, 'load.cjs'), `${script}\n`)
  const times = []
  for (let index = 0; index < starts; index++) {
    const written = await run(directory, process.execPath, ['load.cjs'])
    times.push(Number(written.trim().split('\n').at(-1)))
  }
  times.sort((one, other) => one - other)
  return (times[starts / 2 - 1] + times[starts / 2]) / 2
}

function pageOf(rows) {
  const head = [
    'package',
    'for a project with',
    'tarball',
    'unpacked',
    'packages',
    'node_modules',
    'on disk',
    'to load',
  ]
  return `# What an install costs

For whoever asks how much each package of podrain adds to a project. Measured on ${new Date().toISOString().slice(0, 10)} by
\`npx -y pnpm@10.34.9 installs:sizes\`, with Node ${process.versions.node} and ${cpus().length} cores (${cpus()[0]?.model.trim()}).

${tableOf(head, rows)}

- “For a project with” names the peer dependencies of a package. The project has them already, so they are not counted.
- “Tarball” is what npm downloads, and “unpacked” is its content.
- “Packages” and “node_modules” are what \`npm install --omit=dev\` adds to such a project, the package itself included. “On disk” counts
  whole blocks, as \`du\` does.
- “To load” is CPU time, the median of ${starts} processes that \`require\` the package after its peers. The command \`podrain\` runs with \`--version\`.
- \`@podrain/manifests\` has the schemas of Kubernetes objects in one file of 1.2 MB. The command line, \`podrain\`, needs \`@podrain/manifests\`.
  The command line and its dependencies accept Node 20.19 and newer.
- npm does not install optional peer dependencies (\`@kubernetes/client-node\`, \`@opentelemetry/api\`), so they are not counted.

\`npx -y pnpm@10.34.9 release:dry-run\` tests the tarballs in empty projects of npm, pnpm, Yarn 1, Yarn 4 with and without Plug'n'Play, Bun and
Deno: whether the packages install, each adapter drains, and the commands run. With Yarn 1 write
\`yarn podrain -- rehearse --replicas 2 -- node server.js\`, because Yarn 1 removes the first \`--\` and every option before it.
`
}
