import { beforeAll, describe, expect, test } from 'vitest'
import { ask, compile, courseOf, open, serve, terminateWithRequest, user, versions } from './support.js'

beforeAll(compile)

const answered = { ready: [200, 503], reply: { status: 200, body: 'answered' }, exit: [0, null] }
const ofNest = ['onModuleDestroy', 'beforeApplicationShutdown SIGTERM', 'onApplicationShutdown SIGTERM']
const subjects = versions.flatMap((version) =>
  (['express', 'fastify'] as const).map((platform) => ({ version, platform })),
)

describe.concurrent.each(subjects)('NestJS $version on $platform', ({ version, platform }) => {
  test.each([
    ['attached', { ATTACH: '1' }],
    ['attached, with enableShutdownHooks()', { ATTACH: '1', HOOKS: '1' }],
  ])('answers the request in flight at SIGTERM, then runs each hook once: %s', async (_name, env) => {
    const app = await serve(version, { platform, env: env as Record<string, string> })
    expect(await terminateWithRequest(app)).toEqual(answered)
    expect(courseOf(app)).toEqual(['answering', ...ofNest, 'drain.onClose'])
    expect(app.output).not.toContain('have not run')
  })

  test('with enableShutdownHooks() only, the hooks run when the drain is over', async () => {
    const app = await serve(version, { platform, env: { HOOKS: '1' } })
    expect(await terminateWithRequest(app)).toEqual(answered)
    expect(courseOf(app)).toEqual(['answering', 'drain.onClose', ...ofNest])
    expect(app.output).not.toContain('have not run')
  })

  test('without attach() and enableShutdownHooks(), the hooks do not run, and the log says what to write', async () => {
    const app = await serve(version, { platform })
    expect(await terminateWithRequest(app)).toEqual(answered)
    expect(courseOf(app)).toEqual(['answering', 'drain.onClose'])
    expect(app.lines.filter((line) => /have not run.*PodrainModule\.attach\(app\)/.test(line))).toHaveLength(1)
  })

  test('probes and the hook are answered despite a global prefix, versions and a guard', async () => {
    const app = await serve(version, { platform, env: { ATTACH: '1' } })
    expect(await ask(app.port, '/api/v1/held')).toMatchObject({ status: 403 })
    expect(await ask(app.port, '/readyz')).toMatchObject({ status: 200 })
    expect(await ask(app.port, '/livez')).toMatchObject({ status: 200 })
    expect(await ask(app.port, '/prestop', { authorization: 'Bearer secret' })).toMatchObject({ status: 200 })
    expect(await ask(app.port, '/readyz')).toMatchObject({ status: 503 })
    app.process.kill('SIGTERM')
    expect(await app.exit).toEqual([0, null])
  })

  test('a hook that fails is named', async () => {
    const app = await serve(version, { platform, env: { ATTACH: '1', HOOKS: '1', FAILS: '1' } })
    // NestJS 12 logs the error itself, and closes as without an error.
    expect(await terminateWithRequest(app)).toMatchObject({ ...answered, exit: [version < 12 ? 1 : 0, null] })
    expect(app.output).toMatch(/ERROR .*the pool is stuck/)
    if (version < 12) expect(app.output).toMatch(/"app\.close\(\)" failed: .*the pool is stuck/)
  })

  test('releases the process when it closes itself, and its hooks run once', async () => {
    const app = await serve(version, { platform, env: { ATTACH: '1', HOOKS: '1' } })
    app.process.send('close')
    expect(await app.exit).toEqual([0, null])
    expect(courseOf(app).toSorted()).toEqual([
      'beforeApplicationShutdown undefined',
      'drain.onClose',
      'onApplicationShutdown undefined',
      'onModuleDestroy',
    ])
  })

  test('an event stream that ends at drain.signal reaches its client completely', async () => {
    const app = await serve(version, { platform, env: { ATTACH: '1' } })
    const stream = await open(app.port, '/api/v1/events', user)
    let text = ''
    for await (const chunk of stream) {
      text += chunk
      if (!app.process.killed && text.includes('hello')) app.process.kill('SIGTERM')
    }
    expect(text).toContain('bye')
    expect(await app.exit).toEqual([0, null])
    expect(app.output).toContain('nothing cut')
  })
})

describe.concurrent.each(subjects.filter(({ version }) => version !== 10))(
  'NestJS $version on $platform, whose own listener exits the process',
  ({ version, platform }) => {
    test.each([['attached'], ['not attached']])(
      'answers the request in flight, and runs the hooks once: %s',
      async (how) => {
        const env = { HOOKS: '1', EXIT: '1', ...(how === 'attached' && { ATTACH: '1' }) }
        const app = await serve(version, { platform, env })
        expect(await terminateWithRequest(app)).toEqual(answered)
        expect(courseOf(app).filter((line) => line !== 'drain.onClose')).toEqual(['answering', ...ofNest])
      },
    )
  },
)
