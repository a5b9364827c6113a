/**
 * Tests podrain's packages as users get them: packed, installed by each package manager from a registry, run, deployed,
 * bundled, and compiled against. All projects are in a temporary directory outside of the repository.
 *
 *     node .ci/release/installs.mjs [--only tarballs,managers,deploy,bundles,types,sizes] [--managers npm,Bun] [--servers core,express]
 *       [--write <page of the sizes>]
 *
 * A server must start, respond to `/readyz`, answer the request in flight after SIGTERM, and exit with 0.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { namesOf } from '../shared/arguments.mjs'
import { bundles } from './installs/bundles.mjs'
import { deploy } from './installs/deploy.mjs'
import { managerNames, managers } from './installs/managers.mjs'
import { servers } from './installs/project.mjs'
import { openRegistry } from './installs/registry.mjs'
import { run } from './installs/run.mjs'
import { sizes } from './installs/sizes.mjs'
import { conclude, record } from './installs/tally.mjs'
import { pack, tarballs } from './installs/tarballs.mjs'
import { types } from './installs/types.mjs'

const parts = { tarballs, managers, deploy, bundles, types, sizes }

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: 'tarballs,managers,deploy,bundles,types' },
    managers: { type: 'string', default: managerNames.join(',') },
    servers: { type: 'string', default: servers.join(',') },
    write: { type: 'string' },
  },
})

const only = namesOf('only', values.only, Object.keys(parts))
const chosen = {
  managers: namesOf('managers', values.managers, managerNames),
  servers: namesOf('servers', values.servers, servers),
  write: values.write,
}
const place = mkdtempSync(join(tmpdir(), 'podrain-installs-'))
try {
  const packed = await pack(place)
  const upstream = await run(place, 'npm', ['config', 'get', 'registry'])
  const registry = await openRegistry(packed, upstream.trim())
  console.log(`${packed.length} packages, on Node ${process.version.slice(1)}`)
  for (const name of only) {
    const failure = await parts[name]({ place, registry, packed, ...chosen }).catch((error) => error)
    if (failure) record(name, failure.stack)
  }
  registry.close()
} finally {
  rmSync(place, { recursive: true, force: true })
}
conclude()
