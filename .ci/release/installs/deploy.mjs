import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { dependenciesOf, npmrcOf, project } from './project.mjs'
import { run } from './run.mjs'
import { tryServer } from './server.mjs'
import { record, table } from './tally.mjs'
import { packageManager } from './tarballs.mjs'

/** Tests a server in the folder that `pnpm deploy` creates, without its workspace. */
export async function deploy({ place, registry }) {
  const workspace = join(place, 'workspace')
  const dependencies = dependenciesOf('auto', 'fastify')
  project(join(workspace, 'apps', 'web'), registry, { name: 'web', version: '1.0.0', dependencies })
  writeFileSync(join(workspace, 'package.json'), '{ "private": true }')
  writeFileSync(join(workspace, '.npmrc'), npmrcOf(registry))
  writeFileSync(join(workspace, 'pnpm-workspace.yaml'), 'packages: ["apps/*"]\ninjectWorkspacePackages: true\n')
  const out = join(place, 'deployed')
  const pnpm = ['-y', packageManager]
  try {
    await run(workspace, 'npx', [...pnpm, 'install'])
    await run(workspace, 'npx', [...pnpm, '--filter', 'web', 'deploy', '--prod', out])
  } catch (error) {
    return table(['`pnpm deploy --prod`', 'drains'], [['deploys', record('pnpm deploy', error.message)]])
  }
  rmSync(workspace, { recursive: true })
  const rows = [
    ['`node --import @podrain/auto server.js`', ['--import', '@podrain/auto', 'auto.mjs']],
    ['`@podrain/fastify`', ['fastify.mjs']],
  ]
  const cells = []
  for (const [name, args] of rows) {
    cells.push([name, record(`pnpm deploy, ${name}`, await tryServer(process.execPath, args, { cwd: out }))])
  }
  table(['`pnpm deploy --prod`, its folder alone', 'drains'], cells)
}
