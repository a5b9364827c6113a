import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { describe, expect, onTestFinished, test } from 'vitest'

const application = `
import { createServer } from 'node:http'
import { drainServer } from '../src/index.js'

const server = createServer((request, response) => response.end('ok'))
const drain = drainServer(server, { settle: { min: 50, quiet: 50 } })
function closesTooEarly() {
  server.close()
}
server.listen(0, '127.0.0.1', () => {
  const report = drain.start()
  if (process.env.CLOSES) closesTooEarly()
  report.then(({ clean }) => console.log('clean: ' + clean))
})
`

/** The code of the application and podrain, in one file. */
async function bundled(format: 'esm' | 'cjs', env: Record<string, string> = {}): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'podrain-bundled-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const outfile = join(directory, format === 'esm' ? 'server.mjs' : 'server.cjs')
  // Bundles of CommonJS packages need this in ESM.
  const js =
    format === 'esm'
      ? `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)`
      : ''
  await build({
    stdin: { contents: application, resolveDir: __dirname },
    ...{ bundle: true, platform: 'node', format, outfile, banner: { js } },
  })
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [outfile], { env: { ...process.env, ...env } })
  return `${stdout}${stderr}`
}

describe.each(['esm', 'cjs'] as const)('an application that is bundled with podrain into one file (%s)', (format) => {
  test('is drained', async () => {
    expect(await bundled(format)).toContain('clean: true')
  })

  test('that closes its server too early is named with the place', async () => {
    expect(await bundled(format, { CLOSES: '1' })).toMatch(
      /`close\(\)` was called at closesTooEarly \(.*server\.[mc]js:\d+:\d+\)/,
    )
  })
})

test('the sums of a grace period run in a browser: their bundle has nothing of Node in it', async () => {
  const contents = `export { budgetLine, graceSecondsFor, misfitOf, platforms, presets, timesOf } from '../src/budget.js'`
  const { outputFiles, warnings } = await build({
    stdin: { contents, resolveDir: __dirname },
    ...{ bundle: true, platform: 'browser', format: 'esm', write: false, minify: true },
  })
  expect(warnings).toEqual([])
  expect(outputFiles[0]?.text.length).toBeLessThan(12_000)
})
