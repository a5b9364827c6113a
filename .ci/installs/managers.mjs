import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { frameworks, own, project } from './project.mjs'
import { complaintOf, run } from './run.mjs'
import { tryServer } from './server.mjs'
import { table, told } from './tally.mjs'
import { packageManager } from './tarballs.mjs'

const yarn1 = ['npx', '-y', 'yarn@1.22.22']
const yarn4 = ['npx', '-y', '-p', '@yarnpkg/cli-dist@4.18.1', 'yarn']
const pnpm = ['npx', '-y', packageManager]
const bun = ['npx', '-y', 'bun@1.4.5']
const deno = ['npx', '-y', 'deno@2.9.6']
const pnpFlags = ['--require', './.pnp.cjs', '--experimental-loader', './.pnp.loader.mjs', '--no-warnings']

/** How each of them installs, and runs a command of what it has installed. */
const all = [
  { name: 'npm', install: ['npm', 'install', '--no-audit', '--no-fund'], exec: ['npx', '--no', '--'] },
  { name: 'pnpm', install: [...pnpm, 'install'], exec: [...pnpm, 'exec'] },
  { name: 'Yarn 1', install: [...yarn1, 'install'], exec: [...yarn1, '-s'] },
  { name: 'Yarn 4 node-modules', install: [...yarn4, 'install'], exec: yarn4, linker: 'node-modules' },
  { name: 'Yarn 4 PnP', install: [...yarn4, 'install'], exec: yarn4, linker: 'pnp', flags: pnpFlags },
  { name: 'Bun', install: [...bun, 'install'], exec: [...bun, 'run'] },
  { name: 'Deno', install: [...deno, 'install'], exec: [...deno, 'run', '-A', '--quiet'] },
]

export const managerNames = all.map(({ name }) => name)

/** Empty projects, one for each package manager: it installs the packages, the servers drain, and the commands work. */
export async function managers({ place, registry, managers, servers }) {
  const upstream = (await run(place, 'npm', ['config', 'get', 'registry'])).trim()
  // Caches of their own where a package is known by its name and version only.
  const env = {
    YARN_GLOBAL_FOLDER: join(place, 'yarn'),
    YARN_IGNORE_PATH: '1',
    YARN_CACHE_FOLDER: join(place, 'yarn-cache'),
    BUN_INSTALL_CACHE_DIR: join(place, 'bun-cache'),
    DENO_DIR: join(place, 'deno'),
    DENO_NO_UPDATE_CHECK: '1',
  }
  const rows = []
  for (const { name, install, exec, linker, flags = [] } of all.filter(({ name }) => managers.includes(name))) {
    const used = Object.fromEntries(Object.entries(frameworks).filter(([framework]) => servers.includes(framework)))
    const dependencies = { ...own('core', 'express', ...servers), ...used, podrain: `${registry.url}podrain.tgz` }
    const directory = project(join(place, name.replaceAll(' ', '-')), registry, { dependencies })
    if (linker) {
      writeFileSync(join(directory, '.yarnrc.yml'), yarnSettings(linker, upstream, registry))
      // It belongs to no project above it.
      writeFileSync(join(directory, 'yarn.lock'), '')
    }
    const [command, ...args] = install
    const installed = told(`${name}, installs`, await complaintOf(run(directory, command, args, env)))
    rows.push([name, installed])
    if (installed !== 'yes') continue
    const cells = rows.at(-1)
    for (const server of servers) {
      const preload = server === 'auto' ? ['--import', '@podrain/auto'] : []
      const complaint = await tryServer(process.execPath, [...flags, ...preload, `${server}.mjs`], { cwd: directory })
      cells.push(told(`${name}, ${server}`, complaint))
    }
    const hook = [...exec, 'podrain-prestop']
    const hooked = await tryServer(process.execPath, [...flags, 'core.mjs'], { cwd: directory, env, hook })
    cells.push(told(`${name}, podrain-prestop`, hooked))
    const podrain = (...args) => run(directory, exec[0], [...exec.slice(1), 'podrain', ...args], env)
    for (const [what, step] of Object.entries(commands(podrain, directory, flags))) {
      cells.push(told(`${name}, podrain ${what}`, await complaintOf(step())))
    }
  }
  const serverHeads = servers.map((name) => (name === 'auto' ? '`--import @podrain/auto`' : name))
  const head = [
    'package manager',
    'installs',
    ...serverHeads,
    'podrain-prestop',
    'podrain manifest, lint',
    'podrain rehearse',
  ]
  table(head, rows)
  if (managers.includes('Yarn 4 PnP') && servers.includes('auto')) await plugAndPlay(join(place, 'Yarn-4-PnP'), env)
}

function yarnSettings(linker, upstream, { url }) {
  return [
    `nodeLinker: ${linker}`,
    'enableTelemetry: false',
    'enableImmutableInstalls: false',
    'unsafeHttpWhitelist: ["127.0.0.1"]',
    `npmRegistryServer: "${upstream}"`,
    `npmScopes: { podrain: { npmRegistryServer: "${url}" } }`,
    ...(linker === 'pnp' ? ['pnpEnableEsmLoader: true'] : []),
  ].join('\n')
}

/** What the command line does. `podrain` runs it with arguments, and rejects if it does not end with 0. */
function commands(podrain, directory, flags) {
  return {
    'manifest and lint': async () => {
      writeFileSync(join(directory, 'app.yaml'), await podrain('manifest', '--name', 'app', '--image', 'app:1.0.0'))
      await podrain('lint', 'app.yaml')
    },
    rehearse: () =>
      podrain(
        'rehearse',
        ...['--replicas', '1', '--warm-up', '200ms', '--cool-down', '100ms', '--grace', '10s', '--no-pid-namespace'],
        ...['--', process.execPath, ...flags, 'express.mjs'],
      ),
  }
}

/** What a user has to write under Plug'n'Play. */
async function plugAndPlay(directory, env) {
  if (!existsSync(join(directory, '.pnp.cjs'))) return
  const loader = pnpFlags.slice(0, -1)
  // Yarn itself: npx passes no signal on.
  const itself = (await run(directory, 'npx', [...yarn4.slice(1, -1), '-c', 'command -v yarn'])).trim()
  const ways = [
    ['yarn node --import @podrain/auto server.js', itself, ['node', '--import', '@podrain/auto', 'auto.mjs']],
    ['yarn node --require @podrain/auto server.js', itself, ['node', '--require', '@podrain/auto', 'auto.mjs']],
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
    rows.push([`\`${name}\``, told(`Plug'n'Play: ${name}`, await tryServer(command, args, { cwd: directory, env }))])
  }
  table(["under Plug'n'Play", 'drains'], rows)
}
