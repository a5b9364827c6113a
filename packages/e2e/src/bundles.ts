import { join } from 'node:path'
import { buildSync } from 'esbuild'

/** What fits into a ConfigMap, with a little to spare: etcd takes 1 MiB. */
export const largest = 1_000_000

const leftOut = join(__dirname, 'apps', 'left-out.js')

/** What is loaded only where it is used. */
const external = [
  // Nest asks for these where they are installed, or a pipe or a gateway needs them.
  ...['@nestjs/microservices', '@nestjs/websockets', 'class-transformer'].flatMap((each) => [each, `${each}/*`]),
  ...['class-validator', 'file-type'],
]

/** A program of this package in one file, so that a ConfigMap on a stock image of Node is all that a cluster needs. */
export function bundle(name: string): string {
  const { outputFiles } = buildSync({
    entryPoints: [entryOf(name)],
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    minify: true,
    legalComments: 'none',
    alias: Object.fromEntries(['iconv-lite', 'mime-db', 'multer'].map((each) => [each, leftOut])),
    external,
    write: false,
  })
  const [file] = outputFiles
  if (!file) throw new Error(`esbuild has written nothing for ${name}`)
  return file.text
}

/** Of the programs that are not in `apps/`: the preload, and the command of an `exec` hook. */
function entryOf(name: string): string {
  if (name === 'auto') return require.resolve('@podrain/auto')
  if (name !== 'podrain-prestop') return join(__dirname, 'apps', `${name}.js`)
  return require.resolve('@podrain/core/prestop')
}
