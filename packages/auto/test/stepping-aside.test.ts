import { join } from 'node:path'
import { buildSync } from 'esbuild'
import { beforeAll, describe, expect, test } from 'vitest'
import { App, answered, ask, fixture, scratch, terminateWithRequest } from './support.js'

/** The same application with a copy of podrain of its own. */
const bundled = join(scratch('own-podrain'), 'own-podrain.mjs')

beforeAll(() => {
  buildSync({
    entryPoints: [fixture('own-podrain.mjs')],
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: bundled,
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url); const __dirname = '/bundle';",
    },
  })
})

const moments = [
  'before listen()',
  'after listen()',
  'with a drain that exists long before',
  'at the first request',
  'as a plugin of Fastify',
]

describe.concurrent.each([
  ['the same copy of podrain', fixture('own-podrain.mjs')],
  ['another copy of podrain', bundled],
])('an application with %s', (_copy, file) => {
  test.each(moments)('drains itself if it uses podrain %s', async (moment) => {
    const app = await App.serve([file], { MOMENT: moment })
    expect(await ask(app.port, '/')).toEqual({ status: 200, body: 'ok' })
    expect(await ask(app.port, '/own-readyz')).toMatchObject({ status: 200 })
    expect(JSON.parse((await ask(app.port, '/own-readyz')).body)).toMatchObject({ ready: true })
    expect(await ask(app.port, '/readyz'), 'a path that only the preload would answer').toEqual({
      status: 200,
      body: 'ok',
    })
    expect(await terminateWithRequest(app)).toEqual(answered)
    expect(app.output).not.toContain('Watch a server before it listens')
    expect(
      app.lines.filter((line) => /draining because/.test(line)),
      app.output,
    ).toHaveLength(1)
  })
})

test('the preload drains an application with a middleware that has had no request, and so knows no server', async () => {
  const app = await App.serve([fixture('own-podrain.mjs')], { MOMENT: 'at the first request' })
  expect(await ask(app.port, '/readyz')).toMatchObject({ status: 200 })
  app.process.kill('SIGTERM')
  expect(await app.exit).toEqual([0, null])
})

test('PODRAIN_OPTIONS has no effect on a drain of the application', async () => {
  const app = await App.serve([fixture('own-podrain.mjs')], {
    MOMENT: 'before listen()',
    PODRAIN_ENDPOINTS_READYZ: '/r',
  })
  expect(await ask(app.port, '/own-readyz')).toMatchObject({ status: 200 })
  expect(await ask(app.port, '/r')).toEqual({ status: 200, body: 'ok' })
})
