/** Bundles a file with all its imports: `bundle.mjs <bundler> <entry> <file>`. The extension of the file determines the format. */
import { basename, dirname } from 'node:path'

const [, , bundler, entry, file] = process.argv
const format = file.endsWith('.cjs') ? 'cjs' : 'esm'
/** Defines `require` in an ESM bundle, because bundled CommonJS packages call it. */
const banner = `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);`

const bundlers = {
  async esbuild() {
    const { build } = await import('esbuild')
    const js = format === 'esm' ? banner : ''
    await build({
      entryPoints: [entry],
      outfile: file,
      bundle: true,
      minify: true,
      platform: 'node',
      format,
      banner: { js },
    })
  },
  async rollup() {
    const { rollup } = await import('rollup')
    const [{ default: commonjs }, { default: json }, { default: resolve }] = await Promise.all(
      ['commonjs', 'json', 'node-resolve'].map((name) => import(`@rollup/plugin-${name}`)),
    )
    const plugins = [resolve({ preferBuiltins: true, exportConditions: ['node'] }), commonjs(), json()]
    const bundle = await rollup({ input: entry, plugins, logLevel: 'silent' })
    await bundle.write({ file, format, inlineDynamicImports: true })
  },
  async webpack() {
    const { default: webpack } = await import('webpack')
    const output = { path: dirname(file), filename: basename(file) }
    const compiler = webpack({ mode: 'production', target: 'node20', entry, output, devtool: false })
    await new Promise((resolve, reject) => {
      compiler.run((error, stats) => {
        if (error ?? stats.hasErrors()) reject(error ?? new Error(stats.toString({ all: false, errors: true })))
        else resolve()
      })
    })
  },
}

await bundlers[bundler]()
