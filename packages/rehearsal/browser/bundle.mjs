/** Bundles the page's script and style into dist/page, small and without a trace of this machine. */
import { join } from 'node:path'
import { build } from 'esbuild'

const here = import.meta.dirname

await build({
  entryPoints: { browser: join(here, 'main.ts'), style: join(here, 'style.css') },
  outdir: join(here, '..', 'dist', 'page'),
  bundle: true,
  minify: true,
  format: 'iife',
  // Below what `light-dark()` and friends need, so that an older browser of a colleague still shows the page.
  target: ['chrome100', 'firefox100', 'safari15.4'],
  legalComments: 'inline',
  logLevel: 'warning',
})
