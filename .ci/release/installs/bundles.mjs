import { cpSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { dependenciesOf, project, servers } from './project.mjs'
import { run } from './run.mjs'
import { tryServer } from './server.mjs'
import { record, table } from './tally.mjs'

// Without Nest, which imports optional packages that are not installed. Bundlers fail at such imports.
const bundled = servers.filter((name) => name !== 'nestjs')

/** Tests servers that are bundled into one file with all their imports. */
export async function bundles({ place, registry }) {
  const directory = project(join(place, 'bundles'), registry, {
    dependencies: dependenciesOf(...bundled),
    devDependencies: {
      ...{ esbuild: '0.28.2', rollup: '4.68.8', webpack: '5.113.0' },
      ...{ '@rollup/plugin-commonjs': '*', '@rollup/plugin-json': '*', '@rollup/plugin-node-resolve': '*' },
    },
  })
  await run(directory, 'npm', ['install', '--no-audit', '--no-fund'])
  cpSync(join(import.meta.dirname, 'bundle.mjs'), join(directory, 'bundle.mjs'))
  const alone = join(place, 'bundled')
  mkdirSync(alone)
  const rows = []
  for (const bundler of ['esbuild-cjs', 'esbuild-esm', 'rollup-esm', 'webpack-cjs']) {
    const cells = []
    for (const server of [...bundled, 'imported']) {
      const file = join(alone, `${server}-${bundler}.${bundler.endsWith('cjs') ? 'cjs' : 'mjs'}`)
      const name = `${bundler}, ${server}`
      try {
        await run(directory, process.execPath, ['bundle.mjs', bundler.split('-')[0], `./${server}.mjs`, file])
      } catch (error) {
        cells.push(record(name, error.message))
        continue
      }
      // A bundle runs in a directory without node_modules. The preload is resolved from the directory where it is installed.
      if (server !== 'auto') cells.push(record(name, await tryServer(process.execPath, [file], { cwd: alone })))
      if (server === 'auto' || server === 'express') {
        const args = ['--import', '@podrain/auto', file]
        cells.push(record(`${name} under the preload`, await tryServer(process.execPath, args, { cwd: directory })))
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
