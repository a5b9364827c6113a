/**
 * podrain's packages as their users get them: packed, installed by each package manager from a registry, deployed, bundled,
 * and compiled against. Everything is out of the repository, in a temporary directory.
 *
 *     node .ci/installs.mjs [--only managers,deploy,bundles,types]
 *
 * Servers have to start, answer `/readyz`, and at SIGTERM answer the request in flight and exit with 0.
 */
import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { openRegistry } from './installs/registry.mjs'
import { tryServer } from './installs/server.mjs'

const { values } = parseArgs({ options: { only: { type: 'string', default: 'managers,deploy,bundles,types' } } })

const root = join(import.meta.dirname, '..')
const place = mkdtempSync(join(tmpdir(), 'podrain-installs-'))
const manifestOf = (directory) => JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'))
const { packageManager, devDependencies } = manifestOf(root)
const node20Types = devDependencies['@types/node']

const servers = ['auto', 'core', 'fastify', 'express', 'koa']
const frameworks = { express: '5.3.0', fastify: '5.12.8', koa: '3.3.0' }

let passed = 0
const complaints = []

/** One cell of a table. */
function told(what, complaint) {
  if (complaint === undefined) passed++
  else complaints.push(`${what}: ${complaint}`)
  console.error(`${what}: ${complaint === undefined ? 'passed' : 'failed'}`)
  return complaint === undefined ? 'yes' : '**no**'
}

function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`
  console.log(`\n${[line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n')}`)
}

/** What a command wrote. Without what the package manager that runs us says to its own children. */
async function run(cwd, command, args, env = {}) {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(npm|pnpm)_(?!config_registry)|^NODE_ENV$/i.test(name),
  )
  const options = { cwd, env: { ...Object.fromEntries(inherited), ...env }, timeout: 600_000, maxBuffer: 2 ** 26 }
  const { stdout } = await promisify(execFile)(command, args, options).catch(({ message, stdout, stderr }) => {
    throw new Error(`${message.split('\n')[0]}\n${`${stdout}${stderr}`.slice(-3000)}`)
  })
  return stdout
}

async function pack() {
  const packed = []
  for (const name of readdirSync(join(root, 'packages'))) {
    const directory = join(root, 'packages', name)
    if (manifestOf(directory).private) continue
    const folder = join(place, 'packed', name)
    mkdirSync(folder, { recursive: true })
    await run(directory, 'npx', ['-y', packageManager, 'pack', '--pack-destination', folder])
    const file = join(folder, readdirSync(folder)[0])
    // What is in the tarball: its ranges are made when it is packed.
    packed.push({ file, manifest: JSON.parse(await run(folder, 'tar', ['-xzOf', file, 'package/package.json'])) })
  }
  return packed
}

/** A new project with the small servers, and a registry for podrain's packages. */
function project(name, registry, manifest) {
  const directory = join(place, name)
  cpSync(join(import.meta.dirname, 'installs', 'apps'), directory, { recursive: true })
  writeFileSync(
    join(directory, 'package.json'),
    JSON.stringify({ private: true, type: 'module', ...manifest }, null, 2),
  )
  writeFileSync(join(directory, '.npmrc'), `@podrain:registry=${registry.url}\n`)
  return directory
}

const own = (...names) => Object.fromEntries(names.map((name) => [`@podrain/${name}`, '^0.1.0']))

async function managers(registry) {
  const upstream = (await run(place, 'npm', ['config', 'get', 'registry'])).trim()
  const yarnRc = (linker, more = '') =>
    `nodeLinker: ${linker}\nenableTelemetry: false\nenableImmutableInstalls: false\nunsafeHttpWhitelist: ["127.0.0.1"]\n` +
    `npmRegistryServer: "${upstream}"\n` +
    `npmScopes: { podrain: { npmRegistryServer: "${registry.url}" } }\n${more}`
  // Caches of their own where a package is known by its name and version only.
  const berry = { YARN_GLOBAL_FOLDER: join(place, 'yarn'), YARN_IGNORE_PATH: '1' }
  const bun = { BUN_INSTALL_CACHE_DIR: join(place, 'bun-cache') }
  const yarn4 = ['-y', '-p', '@yarnpkg/cli-dist@4.18.1', 'yarn']
  const pnp = ['--require', './.pnp.cjs', '--experimental-loader', './.pnp.loader.mjs', '--no-warnings']
  const all = [
    { name: 'npm', install: ['npm', 'install', '--no-audit', '--no-fund'], cli: ['npx', '--no', '--', 'podrain'] },
    {
      name: 'pnpm',
      install: ['npx', '-y', packageManager, 'install'],
      cli: ['npx', '-y', packageManager, 'exec', 'podrain'],
    },
    {
      name: 'Yarn 1',
      install: ['npx', '-y', 'yarn@1.22.22', 'install', '--ignore-engines'],
      cli: ['npx', '-y', 'yarn@1.22.22', '-s', 'podrain'],
    },
    {
      name: 'Yarn 4, node-modules',
      install: ['npx', ...yarn4, 'install'],
      cli: ['npx', ...yarn4, 'podrain'],
      rc: yarnRc('node-modules'),
      env: berry,
    },
    {
      name: "Yarn 4, Plug'n'Play",
      install: ['npx', ...yarn4, 'install'],
      cli: ['npx', ...yarn4, 'podrain'],
      rc: yarnRc('pnp', 'pnpEnableEsmLoader: true\n'),
      env: berry,
      flags: pnp,
    },
    {
      name: 'Bun',
      install: ['npx', '-y', 'bun@1.4.5', 'install'],
      cli: ['npx', '-y', 'bun@1.4.5', 'run', 'podrain'],
      env: bun,
    },
  ]
  const rows = []
  for (const { name, install, cli, rc, env, flags = [] } of all) {
    const dependencies = { ...own(...servers), ...frameworks, podrain: `${registry.url}podrain.tgz` }
    const directory = project(name.replaceAll(/\W+/g, '-'), registry, { dependencies })
    if (rc) writeFileSync(join(directory, '.yarnrc.yml'), rc)
    // It belongs to no project above it.
    if (rc) writeFileSync(join(directory, 'yarn.lock'), '')
    const cells = []
    try {
      const [command, ...args] = install
      await run(directory, command, args, env)
    } catch (error) {
      rows.push([name, told(`${name}, installs`, error.message), ...servers.map(() => ''), ''])
      continue
    }
    cells.push(told(`${name}, installs`))
    for (const server of servers) {
      const preload = server === 'auto' ? ['--import', '@podrain/auto'] : []
      const complaint = await tryServer(process.execPath, [...flags, ...preload, `${server}.mjs`], { cwd: directory })
      cells.push(told(`${name}, ${server}`, complaint))
    }
    cells.push(told(`${name}, the command podrain`, await commandLine(directory, cli, env)))
    rows.push([name, ...cells])
  }
  table(
    [
      'package manager',
      'installs',
      '`--import @podrain/auto`',
      'core',
      'fastify',
      'express',
      'koa',
      'command `podrain`',
    ],
    rows,
  )
  await plugAndPlay(join(place, 'Yarn-4-Plug-n-Play'), yarn4, berry)
}

async function commandLine(directory, [command, ...args], env) {
  try {
    const version = (await run(directory, command, [...args, '--version'], env)).trim()
    return version === manifestOf(join(root, 'packages', 'podrain')).version ? undefined : `it says ${version}`
  } catch (error) {
    return error.message
  }
}

/** What a user has to write under Plug'n'Play. */
async function plugAndPlay(directory, yarn, env) {
  if (!existsSync(join(directory, '.pnp.cjs'))) return
  const loader = ['--require', './.pnp.cjs', '--experimental-loader', './.pnp.loader.mjs']
  // Yarn itself: npx passes no signal on.
  const itself = (await run(place, 'npx', [...yarn.slice(0, -1), '-c', 'command -v yarn'])).trim()
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

async function deploy(registry) {
  const workspace = join(place, 'workspace')
  const dependencies = { ...own('auto', 'fastify'), fastify: frameworks.fastify, express: frameworks.express }
  project(join('workspace', 'apps', 'web'), registry, { name: 'web', version: '1.0.0', dependencies })
  writeFileSync(join(workspace, 'package.json'), '{ "private": true }')
  writeFileSync(join(workspace, '.npmrc'), `@podrain:registry=${registry.url}\n`)
  writeFileSync(join(workspace, 'pnpm-workspace.yaml'), 'packages: ["apps/*"]\ninjectWorkspacePackages: true\n')
  const out = join(place, 'deployed')
  const pnpm = ['-y', packageManager]
  try {
    await run(workspace, 'npx', [...pnpm, 'install'])
    await run(workspace, 'npx', [...pnpm, '--filter', 'web', 'deploy', '--prod', out])
  } catch (error) {
    return table(['`pnpm deploy --prod`', 'drains'], [['deploys', told('pnpm deploy', error.message)]])
  }
  rmSync(workspace, { recursive: true })
  const rows = [
    ['`node --import @podrain/auto server.js`', ['--import', '@podrain/auto', 'auto.mjs']],
    ['`@podrain/fastify`', ['fastify.mjs']],
  ]
  const cells = []
  for (const [name, args] of rows) {
    cells.push([name, told(`pnpm deploy, ${name}`, await tryServer(process.execPath, args, { cwd: out }))])
  }
  table(['`pnpm deploy --prod`, its folder alone', 'drains'], cells)
}

async function bundles(registry) {
  const directory = project('bundles', registry, {
    dependencies: { ...own(...servers), ...frameworks },
    devDependencies: {
      ...{ esbuild: '0.28.2', rollup: '4.68.8', webpack: '5.113.0' },
      ...{ '@rollup/plugin-commonjs': '*', '@rollup/plugin-json': '*', '@rollup/plugin-node-resolve': '*' },
    },
  })
  await run(directory, 'npm', ['install', '--no-audit', '--no-fund'])
  cpSync(join(import.meta.dirname, 'installs', 'bundle.mjs'), join(directory, 'bundle.mjs'))
  const alone = join(place, 'bundled')
  mkdirSync(alone)
  const rows = []
  for (const bundler of ['esbuild-cjs', 'esbuild-esm', 'rollup-esm', 'webpack-cjs']) {
    const cells = []
    for (const server of [...servers, 'imported']) {
      const file = join(alone, `${server}-${bundler}.${bundler.endsWith('cjs') ? 'cjs' : 'mjs'}`)
      const name = `${bundler}, ${server}`
      try {
        await run(directory, process.execPath, ['bundle.mjs', bundler.split('-')[0], `./${server}.mjs`, file])
      } catch (error) {
        cells.push(told(name, error.message))
        continue
      }
      // Where nothing can be found but what is in the bundle; the preload is found where it is installed.
      if (server !== 'auto') cells.push(told(name, await tryServer(process.execPath, [file], { cwd: alone })))
      if (server === 'auto' || server === 'express') {
        const args = ['--import', '@podrain/auto', file]
        cells.push(told(`${name} under the preload`, await tryServer(process.execPath, args, { cwd: directory })))
      }
    }
    rows.push([bundler.replace('-', ', '), ...cells])
  }
  table(
    [
      'bundled by',
      'no podrain, `--import @podrain/auto`',
      'core',
      'fastify',
      'express',
      'express, `--import @podrain/auto` as well',
      'koa',
      "`import '@podrain/auto'` as the first line",
    ],
    rows,
  )
}

async function types(registry, packed) {
  const compilers = ['5.0.4', '5.4.5', '5.9.3', '6.0.3', '7.0.2']
  const names = packed
    .map(({ manifest }) => manifest.name.replace('@podrain/', ''))
    .filter((name) => name !== 'podrain')
  const directory = project('types', registry, {
    dependencies: {
      ...own(...names),
      ...frameworks,
      '@nestjs/common': '12.5.1',
      '@nestjs/core': '12.5.1',
      'prom-client': '15.1.3',
      rxjs: '7.8.2',
      'reflect-metadata': '0.2.2',
    },
    devDependencies: {
      ...{ '@types/node': node20Types, '@types/express': '5.0.6', '@types/koa': '3.0.3' },
      ...Object.fromEntries(compilers.map((version) => [`typescript-${version}`, `npm:typescript@${version}`])),
    },
  })
  await run(directory, 'npm', ['install', '--no-audit', '--no-fund'])
  const consumer = readFileSync(join(import.meta.dirname, 'installs', 'types', 'consumer.mts'), 'utf8')
  writeFileSync(join(directory, 'consumer.mts'), consumer)
  writeFileSync(join(directory, 'consumer.cts'), consumer)
  const rows = []
  for (const version of compilers) {
    const cells = []
    for (const [module, moduleResolution] of [
      ['node16', 'node16'],
      ['nodenext', 'nodenext'],
      ['esnext', 'bundler'],
    ]) {
      const errors = async (skipLibCheck) => {
        const compilerOptions = {
          module,
          moduleResolution,
          skipLibCheck,
          strict: true,
          noEmit: true,
          target: 'es2022',
          lib: ['es2023'],
          types: ['node'],
          esModuleInterop: true,
          exactOptionalPropertyTypes: true,
        }
        const files = ['consumer.mts', ...(moduleResolution === 'bundler' ? [] : ['consumer.cts'])]
        writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }))
        try {
          await run(directory, process.execPath, [`node_modules/typescript-${version}/bin/tsc`, '--pretty', 'false'])
          return []
        } catch ({ message }) {
          const found = message.split('\n').filter((line) => /error TS\d+/.test(line))
          return found.length > 0 ? found : [message]
        }
      }
      const all = await errors(false)
      // NestJS 12 is ESM only, which a file of CommonJS may not name before `module: nodenext` of TypeScript 5.8.
      const isOther = (line) => /^node_modules\/(?!@podrain\/)|^node_modules\/@podrain\/nestjs\/.*TS1479/.test(line)
      const others = all.filter(isOther)
      const ours = all.filter((line) => !others.includes(line))
      const wrong = others.length > 0 ? await errors(true) : ours
      const whose = [...new Set(others.map((line) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(line)[1]))]
      const cell = told(
        `TypeScript ${version}, ${moduleResolution}`,
        [...new Set([...ours, ...wrong])].join('\n') || undefined,
      )
      cells.push(whose.length > 0 && cell === 'yes' ? `yes, with \`skipLibCheck\`: ${whose.join(', ')}` : cell)
    }
    rows.push([version, ...cells])
  }
  table(['TypeScript', 'node16', 'nodenext', 'bundler'], rows)
}

async function main() {
  const only = values.only.split(',')
  const parts = { managers, deploy, bundles, types }
  const unknown = only.find((name) => !(name in parts))
  if (unknown !== undefined) throw new RangeError(`--only takes some of ${Object.keys(parts)}, not ${unknown}`)
  const packed = await pack()
  const registry = await openRegistry(packed)
  try {
    console.log(`${packed.length} packages, on Node ${process.version.slice(1)}`)
    for (const name of only) {
      const failure = await Promise.resolve(parts[name](registry, packed)).catch((error) => error)
      if (failure) told(name, failure.stack)
    }
  } finally {
    registry.close()
    rmSync(place, { recursive: true, force: true })
  }
  for (const complaint of complaints) console.log(`\n${complaint}`)
  console.log(`\n${passed} passed, ${complaints.length} failed`)
  process.exitCode = complaints.length > 0 ? 1 : 0
}

await main()
