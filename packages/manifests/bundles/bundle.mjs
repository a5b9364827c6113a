import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'esbuild'
import { licencesIn } from '../../../.ci/shared/bundled-licences.mjs'

/** Makes dist/bundles/<name>.js: one file of CommonJS, under the licences of what is in it. */
export async function bundle(name, options) {
  const outfile = join(import.meta.dirname, '..', 'dist', 'bundles', `${name}.js`)
  const { metafile } = await build({
    outfile,
    bundle: true,
    minify: true,
    metafile: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20.19',
    logLevel: 'warning',
    ...options,
  })
  await writeFile(outfile, (await licencesIn(metafile)) + (await readFile(outfile, 'utf8')))
}
