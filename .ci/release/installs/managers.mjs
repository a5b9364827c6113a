import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { dependenciesOf, project } from './project.mjs'
import { complaintOf, run } from './run.mjs'
import { tryServer } from './server.mjs'
import { record, table } from './tally.mjs'
import { packageManager } from './tarballs.mjs'

const yarn1 = ['npx', '-y', 'yarn@1.22.22']
const yarn4 = ['npx', '-y', '-p', '@yarnpkg/cli-dist@4.18.1', 'yarn']
const pnpm = ['npx', '-y', packageManager]
const bun = ['npx', '-y', 'bun@1.4.5']
const deno = ['npx', '-y', 'deno@2.9.6']
const pnpFlags = ['--require', './.pnp.cjs', '--experimental-loader', './.pnp.loader.mjs', '--no-warnings']

/** How each package manager installs packages and runs an installed command. */
const all = [
  {
    name: 'npm',
    install: ['npm', 'install', '--no-audit', '--no-fund'],
    exec: (...words) => ['npx', '--no', '--', ...words],
  },
  { name: 'pnpm', install: [...pnpm, 'install'], exec: (...words) => [...pnpm, 'exec', ...words] },
  {
    name: 'Yarn 1',
    install: [...yarn1, 'install'],
    // Yarn 1 removes the first `--` and every option before it.
    exec: (command, ...options) => [...yarn1, '-s', command, '--', ...options],
  },
  {
    name: 'Yarn 4 node-modules',
    install: [...yarn4, 'install'],
    exec: (...words) => [...yarn4, ...words],
    linker: 'node-modules',
  },
  {
    name: 'Yarn 4 PnP',
    install: [...yarn4, 'install'],
    exec: (...words) => [...yarn4, ...words],
    linker: 'pnp',
    flags: pnpFlags,
  },
  { name: 'Bun', install: [...bun, 'install'], exec: (...words) => [...bun, 'run', ...words] },
  {
    name: 'Deno',
    install: [...deno, 'install'],
    exec: (...words) => [...deno, 'task', '--quiet', '--eval', words.join(' ')],
  },
]

export const managerNames = all.map(({ name }) => name)

/** Tests one empty project per package manager: the packages install, the servers drain, and the commands work. */
export async function managers({ place, registry, managers, servers }) {
  const env = {
    npm_config_registry: registry.url,
    // Own caches for package managers that find a package in the cache by name and version only.
    YARN_GLOBAL_FOLDER: join(place, 'yarn'),
    YARN_IGNORE_PATH: '1',
    YARN_CACHE_FOLDER: join(place, 'yarn-cache'),
    BUN_INSTALL_CACHE_DIR: join(place, 'bun-cache'),
    DENO_DIR: join(place, 'deno'),
    DENO_NO_UPDATE_CHECK: '1',
  }
  const rows = []
  let head
  for (const manager of all.filter(({ name }) => managers.includes(name))) {
    const { name, install, linker } = manager
    // The commands run against the servers `core` and `express`.
    const dependencies = { ...dependenciesOf('core', 'express', ...servers), podrain: '^0.1.0' }
    const directory = project(join(place, name.replaceAll(' ', '-')), registry, { dependencies })
    if (linker) {
      writeFileSync(join(directory, '.yarnrc.yml'), yarnSettings(linker, registry))
      // An empty lockfile makes the directory its own project, and not part of a project above it.
      writeFileSync(join(directory, 'yarn.lock'), '')
    }
    const [command, ...args] = install
    const installed = record(`${name}, installs`, await complaintOf(run(directory, command, args, env)))
    const checks = checksOf(manager, servers, directory, env)
    head = ['package manager', 'installs', ...Object.keys(checks)]
    const cells = Object.entries(checks).map(async ([what, check]) => record(`${name}, ${what}`, await check()))
    rows.push([name, installed, ...(await Promise.all(cells))])
  }
  table(head, rows)
  if (managers.includes('Yarn 4 PnP') && servers.includes('auto')) await plugAndPlay(join(place, 'Yarn-4-PnP'), env)
}

/** The checks of a project. Each resolves with its complaint, or with undefined. They are independent and run at the same time. */
function checksOf({ exec, flags = [] }, servers, cwd, env) {
  const serverChecks = servers.map((server) => {
    const preload = server === 'auto' ? ['--import', '@podrain/auto'] : []
    return [server, () => tryServer(process.execPath, [...flags, ...preload, `${server}.mjs`], { cwd })]
  })
  const podrain = (...options) => {
    const [program, ...words] = exec('podrain', ...options)
    return run(cwd, program, words, env)
  }
  const lint = async () => {
    writeFileSync(join(cwd, 'app.yaml'), await podrain('manifest', '--name', 'app', '--image', 'app:1.0.0'))
    await podrain('lint', 'app.yaml')
  }
  const rehearsal = [
    ...['--replicas', '1', '--warm-up', '200ms', '--cool-down', '100ms', '--grace', '30s', '--no-pid-namespace'],
    ...['--ready-timeout', '30s', '--', process.execPath, ...flags, 'express.mjs'],
  ]
  return {
    ...Object.fromEntries(serverChecks),
    'podrain-prestop': () =>
      tryServer(process.execPath, [...flags, 'core.mjs'], { cwd, env, hook: exec('podrain-prestop') }),
    'podrain manifest, lint': () => complaintOf(lint()),
    'podrain rehearse': () => complaintOf(podrain('rehearse', ...rehearsal)),
  }
}

function yarnSettings(linker, { url }) {
  return [
    `nodeLinker: ${linker}`,
    'enableTelemetry: false',
    'enableImmutableInstalls: false',
    'unsafeHttpWhitelist: ["127.0.0.1"]',
    `npmRegistryServer: "${url}"`,
    ...(linker === 'pnp' ? ['pnpEnableEsmLoader: true'] : []),
  ].join('\n')
}

/** Tests the commands that start a server under Plug'n'Play. */
async function plugAndPlay(directory, env) {
  if (!existsSync(join(directory, '.pnp.cjs'))) return
  const loader = pnpFlags.slice(0, -1)
  // The path of Yarn, because npx does not pass signals on.
  const yarn = (await run(directory, 'npx', [...yarn4.slice(1, -1), '-c', 'command -v yarn'])).trim()
  const ways = [
    ['yarn node --import @podrain/auto server.js', yarn, ['node', '--import', '@podrain/auto', 'auto.mjs']],
    ['yarn node --require @podrain/auto server.js', yarn, ['node', '--require', '@podrain/auto', 'auto.mjs']],
    [
      'node --require ./.pnp.cjs --experimental-loader ./.pnp.loader.mjs --require @podrain/auto server.js',
      process.execPath,
      [...loader, '--require', '@podrain/auto', 'auto.mjs'],
    ],
    [
      'node --require ./.pnp.cjs --require @podrain/auto server.cjs',
      process.execPath,
      ['--require', './.pnp.cjs', '--require', '@podrain/auto', 'auto.cjs'],
    ],
  ]
  writeFileSync(
    join(directory, 'auto.cjs'),
    `const express = require('express')
const app = express()
app.get('/held', (request, response) => {
  process.stdin.once('data', () => { process.stdin.destroy(); response.send('answered') })
  console.log('held')
})
const server = app.listen(0, '127.0.0.1', () => console.log('listening ' + server.address().port))
`,
  )
  const rows = []
  for (const [name, command, args] of ways) {
    rows.push([`\`${name}\``, record(`Plug'n'Play: ${name}`, await tryServer(command, args, { cwd: directory, env }))])
  }
  table(["under Plug'n'Play", 'drains'], rows)
}
