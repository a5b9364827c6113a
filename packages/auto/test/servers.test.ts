import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildSync } from 'esbuild'
import { generate } from 'selfsigned'
import { beforeAll, describe, expect, test } from 'vitest'
import { App, answered, asCommonjs, ask, fixture, folder, preload, scratch, terminateWithRequest } from './support.js'

let env: Record<string, string>
beforeAll(async () => {
  const { private: key, cert } = await generate([{ name: 'commonName', value: '127.0.0.1' }], {
    keyType: 'ec',
  } as never)
  env = { TLS: JSON.stringify({ key, cert }) }
})

const written = new Map<string, string>()

/** The path of an application in a format. The file is written once, because a process that reads it during a write would get a part. */
function inFormat(name: string, format: string): string {
  if (format === 'ESM') return fixture(`${name}.mjs`)
  const key = `${name} ${format}`
  const file = written.get(key) ?? write(name, format)
  written.set(key, file)
  return file
}

function write(name: string, format: string): string {
  const out = scratch(`podrain-${name}-${format}`)
  const file = join(out, `${name}.cjs`)
  if (format === 'bundled') {
    buildSync({ entryPoints: [fixture(`${name}.mjs`)], bundle: true, platform: 'node', outfile: file, minify: true })
    return file
  }
  for (const each of [name, 'held']) {
    writeFileSync(join(out, `${each}.cjs`), asCommonjs(readFileSync(fixture(`${each}.mjs`), 'utf8')))
  }
  return file
}

const applications = [
  ...['http', 'https', 'http2', 'http2 with TLS'].map((kind) => [`node:${kind}`, 'node', kind] as const),
  ...['express', 'koa', 'fastify'].map((name) => [name, name, 'http'] as const),
]

describe.concurrent.each(['ESM', 'CommonJS', 'bundled'])(
  'an application that knows nothing of podrain (%s)',
  (format) => {
    test.each(applications)('answers probes, and the request in flight at SIGTERM: %s', async (_name, file, kind) => {
      const app = await App.serve([inFormat(file, format)], { ...env, KIND: kind })
      expect(await ask(app.port, '/readyz', kind)).toMatchObject({ status: 200 })
      expect(await ask(app.port, '/', kind)).toEqual({ status: 200, body: 'ok' })
      expect(await terminateWithRequest(app, kind)).toEqual(answered)
    })
  },
)

describe.concurrent('the preload', () => {
  const file = fixture('node.mjs')

  test.each([
    ['--import', ['--import', '@podrain/auto'], {}],
    ['--require', ['--require', '@podrain/auto'], {}],
    ['--import in NODE_OPTIONS', [], { NODE_OPTIONS: '--import @podrain/auto' }],
    ['--require in NODE_OPTIONS', [], { NODE_OPTIONS: '--require @podrain/auto' }],
  ])('works by %s', async (_name, flags, env) => {
    const app = new App([...flags, file], env as Record<string, string>)
    await app.listening()
    expect(await terminateWithRequest(app)).toEqual(answered)
  })

  test('sees the very first connection', async () => {
    const app = await App.serve([file])
    expect(await terminateWithRequest(app)).toEqual(answered)
    expect(app.output).not.toContain('before its server was watched')
    expect(app.output).toMatch(/1 in flight/)
  })

  test('does nothing if it is loaded a second time, or from another copy', async () => {
    const copy = scratch('copy-of-auto')
    mkdirSync(copy, { recursive: true })
    for (const name of readdirSync(join(folder, 'dist'))) copyFileSync(join(folder, 'dist', name), join(copy, name))
    const app = await App.serve([...preload, '--require', '@podrain/auto', '--import', join(copy, 'index.js'), file])
    expect(await terminateWithRequest(app)).toEqual(answered)
    expect(app.lines.filter((line) => /draining because/.test(line))).toHaveLength(1)
  })

  test.each(['false', '0'])('does nothing with PODRAIN_AUTO=%s, even if other variables are wrong', async (off) => {
    const app = await App.serve([file], { PODRAIN_AUTO: off, PODRAIN_BEHIND: 'nobody' })
    expect(await ask(app.port, '/readyz')).toEqual({ status: 200, body: 'ok' })
    app.process.kill('SIGTERM')
    expect(await app.exit).toEqual([null, 'SIGTERM'])
  })

  test('drains before a listener of the application for SIGTERM, which then closes without an error', async () => {
    const app = await App.serve([fixture('own-listener.mjs')])
    expect(await terminateWithRequest(app)).toEqual(answered)
    expect(app.output).toMatch(/drained in[\s\S]*own listener/)
  })

  test('opens a control port, which does not count as a server of the application', async () => {
    const app = await App.serve([file], { PODRAIN_CONTROL_PORT: '0' })
    const [, port] = /control endpoints on port (\d+)/.exec(await app.line(/control endpoints on port/)) ?? []
    expect(await ask(Number(port), '/readyz')).toMatchObject({ status: 200 })
    expect(await ask(app.port, '/readyz')).toEqual({ status: 200, body: 'ok' })
    expect(await terminateWithRequest(app)).toEqual(answered)
    expect(app.lines.filter((line) => /control endpoints on/.test(line))).toHaveLength(1)
  })
})

describe.concurrent('a process that serves no HTTP', () => {
  test.each(['nothing', 'a net server', 'a thread'])(
    'exits by itself, and has not loaded podrain (%s)',
    async (work) => {
      const run = async (flags: readonly string[]) => {
        const app = new App([...flags, fixture('idle.mjs')], { WORK: work })
        return { exit: await app.exit, output: app.output }
      }
      const alone = await run([])
      expect(JSON.parse(alone.output)).toMatchObject({ core: [] })
      expect(await run(preload)).toEqual(alone)
      expect(alone.exit).toEqual([0, null])
    },
  )

  test('is ended by SIGTERM as without the preload', async () => {
    const app = new App([...preload, fixture('idle.mjs')], { WORK: 'waits' })
    await app.line(/listeners/)
    app.process.kill('SIGTERM')
    expect(await app.exit).toEqual([null, 'SIGTERM'])
  })

  test('any longer is ended by SIGTERM as without the preload', async () => {
    const app = new App([...preload, fixture('closes.mjs')])
    await app.line(/^listeners false$/)
    expect(app.lines).toContain('listeners true')
    app.process.kill('SIGTERM')
    expect(await app.exit).toEqual([null, 'SIGTERM'])
  })
})

describe.concurrent('beside other preloads', () => {
  const tracer = ['--require', fixture('tracer.cjs')]

  test.each([
    ['before', [...preload, '--import', 'tsx']],
    ['behind', ['--import', 'tsx', ...preload]],
  ])('%s tsx', async (_where, flags) => {
    const app = new App([...flags, fixture('app.ts')])
    await app.listening()
    expect(await ask(app.port, '/readyz')).toMatchObject({ status: 200 })
    expect(await terminateWithRequest(app)).toEqual(answered)
  })

  test.each([
    ['before', ['--require', '@podrain/auto', ...tracer]],
    ['behind', [...tracer, '--require', '@podrain/auto']],
  ])('%s one that patches Node', async (_where, flags) => {
    const app = new App([...flags, fixture('node.mjs')])
    await app.listening()
    expect(await ask(app.port, '/readyz')).toMatchObject({ status: 200 })
    expect(await terminateWithRequest(app)).toEqual(answered)
    expect(app.lines).toEqual(expect.arrayContaining(['traced listen', 'traced /held']))
  })

  test('the `tsx` command, which kills an application that does not report the signal soon', async () => {
    const app = new App([join(folder, 'node_modules', 'tsx', 'dist', 'cli.mjs'), fixture('app.ts')], {
      NODE_OPTIONS: '--import @podrain/auto',
    })
    await app.listening()
    expect(await ask(app.port, '/readyz')).toMatchObject({ status: 200 })
    expect(app.lines.filter((line) => /^podrain/.test(line))).toHaveLength(1) // of one of the two processes
    const asked = ask(app.port, '/held')
    await app.line(/^held$/)
    app.process.kill('SIGTERM')
    await app.line(/^podrain.*: draining because of SIGTERM/)
    process.kill(Number(await (await ask(app.port, '/pid')).body), 'SIGUSR2') // tsx passes no messages on
    expect(await asked).toEqual({ status: 200, body: 'answered' })
    expect(await app.exit).toEqual([0, null])
  })
})
