/** Bundles and minifies the page's script and style into dist/page, with the licences of the packages they contain. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'esbuild'

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

/** The text of each licence, and its copyright lines. */
const licences = new Map()
for (const root of new Set(Object.keys(metafile.inputs).flatMap((file) => /^.*node_modules\/[^/]+/.exec(file) ?? []))) {
  const [copyright, ...text] = (await readFile(join(root, 'LICENSE'), 'utf8')).trim().split('\n')
  const owners = licences.get(text.join('\n')) ?? new Set()
  licences.set(text.join('\n'), owners.add(copyright))
}
const notices = [...licences].map(([text, owners]) => `/*\n${[...owners].join('\n')}\n${text}\n*/\n`)
const script = join(outdir, 'browser.js')
await writeFile(script, notices.join('') + (await readFile(script, 'utf8')))
