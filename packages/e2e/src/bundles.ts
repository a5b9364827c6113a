import { join } from 'node:path'
import { buildSync } from 'esbuild'

/** The most characters of a bundle. A ConfigMap may have 1 MiB, the limit of etcd. */
export const largest = 1_000_000

const leftOut = join(__dirname, 'apps', 'left-out.js')

/** Packages that are not bundled, because no app loads them. */
const external = [
  // Nest imports these packages only if they are installed, or if a pipe or a gateway needs them.
  ...['@nestjs/microservices', '@nestjs/websockets', 'class-transformer'].flatMap((each) => [each, `${each}/*`]),
  ...['class-validator', 'file-type'],
]

/** Bundles a program into one file, so that a cluster needs only a ConfigMap and a stock image of Node. */
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

/** The entry point of a program. Two are not in `apps/`: the preload, and the command of an `exec` hook. */
function entryOf(name: string): string {
  if (name === 'auto') return require.resolve('@podrain/auto')
  if (name !== 'podrain-prestop') return join(__dirname, 'apps', `${name}.js`)
  return require.resolve('@podrain/core/prestop')
}
