/** Bundles and minifies the page's script and style into dist/page, with the licences of the packages they contain. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'esbuild'
import { licencesIn } from '../../../.ci/shared/bundled-licences.mjs'

const here = import.meta.dirname
const outdir = join(here, '..', 'dist', 'page')

const { metafile } = await build({
  entryPoints: { browser: join(here, 'main.ts'), style: join(here, 'style.css') },
  outdir,
  bundle: true,
  minify: true,
  metafile: true,
  format: 'iife',
  // People send the page to others, whose browser may be some years old.
  target: ['chrome111', 'firefox113', 'safari16.4'],
  logLevel: 'warning',
})

const script = join(outdir, 'browser.js')
await writeFile(script, (await licencesIn(metafile)) + (await readFile(script, 'utf8')))
