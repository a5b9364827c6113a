import { join } from 'node:path'
import { buildSync } from 'esbuild'

/** What fits into a ConfigMap, with a little to spare: etcd takes 1 MiB. */
export const largest = 1_000_000

/** A program of this package in one file, so that a ConfigMap on a stock image of Node is all that a cluster needs. */
export function bundle(name: string): string {
  const entry = name === 'podrain-prestop' ? require.resolve('@podrain/core/package.json') : undefined
  const { outputFiles } = buildSync({
    entryPoints: [entry ? join(entry, '..', 'dist', 'podrain-prestop.js') : join(__dirname, 'apps', `${name}.js`)],
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    minify: true,
    legalComments: 'none',
    alias: { 'iconv-lite': join(__dirname, 'apps', 'no-encodings.js') },
    write: false,
  })
  const [file] = outputFiles
  if (!file) throw new Error(`esbuild has written nothing for ${name}`)
  return file.text
}
