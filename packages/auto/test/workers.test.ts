import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { App, answered, ask, fixture, preload, scratch, terminateWithRequest } from './support.js'

function count(app: App, pattern: RegExp): number {
  return app.lines.filter((line) => pattern.test(line)).length
}

describe.concurrent('node:cluster', () => {
  test('the primary drains its workers, and exits after the last of them', async () => {
    const app = await App.serve([fixture('cluster.mjs')])
    expect(await ask(app.port, '/readyz')).toMatchObject({ status: 200 })
    expect(await terminateWithRequest(app)).toEqual(answered)
    await app.exit
    expect(count(app, /^podrain \(worker \d+\): drained in .*; nothing cut/)).toBe(2)
    expect(count(app, /^podrain: drained in .*; nothing cut/)).toBe(1)
    expect(app.output).not.toContain('its primary does not drain')
  })

  test('a hook that reaches one worker drains all workers', async () => {
    const app = await App.serve([fixture('cluster.mjs')], { PODRAIN_SETTLE_MIN: '100', PODRAIN_SETTLE_QUIET: '50' })
    expect(await ask(app.port, '/prestop')).toMatchObject({ status: 200 })
    expect(count(app, /^podrain \(worker \d+\): draining because of the preStop hook/)).toBe(2)
    app.process.kill('SIGTERM')
    expect(await app.exit).toEqual([0, null])
  })

  test('a control port is the primary’s, and the workers then have no control endpoints', async () => {
    const app = await App.serve([fixture('cluster.mjs')], { PODRAIN_CONTROL_PORT: '0' })
    const [, port] = /control endpoints on port (\d+)/.exec(await app.line(/control endpoints on port/)) ?? []
    expect(await ask(Number(port), '/readyz')).toMatchObject({ status: 200 })
    expect(await ask(app.port, '/readyz')).toEqual({ status: 200, body: 'ok' })
    expect(await terminateWithRequest(app)).toEqual(answered)
    expect(count(app, /control endpoints on/)).toBe(1)
  })

  test.each(['drains', 'has set up'])(
    'the application’s drain takes over if the primary %s and calls drainCluster()',
    async (primary) => {
      const app = await App.serve([fixture('cluster.mjs')], { PRIMARY: primary })
      expect(await terminateWithRequest(app)).toEqual(answered)
      expect(count(app, /^own primary closes$/)).toBe(1)
      expect(count(app, /^podrain: draining because/)).toBe(1)
      expect(count(app, /^podrain \(worker \d+\): drained/)).toBe(2)
    },
  )

  test('the daemon of pm2 is not drained, and its workers drain as processes without a cluster do', async () => {
    // Like pm2: the daemon forks a file of its own, which loads the application.
    const lib = join(scratch('as-pm2'), 'node_modules', 'pm2', 'lib')
    mkdirSync(lib, { recursive: true })
    writeFileSync(join(lib, 'ProcessContainer.js'), `import(${JSON.stringify(fixture('node.mjs'))})`)
    writeFileSync(
      join(lib, 'Daemon.js'),
      `const cluster = require('node:cluster')
      cluster.setupPrimary({ exec: require.resolve('./ProcessContainer.js') })
      const worker = cluster.fork({ pm_id: '0', kill_timeout: '30000' })
      worker.on('exit', (code) => console.log('worker exits with ' + code))
      worker.on('listening', () => console.log('daemon ' + process.listenerCount('SIGTERM') + ' ' + process.env.PODRAIN_PRIMARY))
      process.on('message', () => worker.process.kill('SIGINT'))`,
    )
    const app = new App([...preload, join(lib, 'Daemon.js')])
    expect(await app.line(/^daemon/)).toBe('daemon 0 undefined')
    await app.listening()
    expect(await ask(app.port, '/readyz')).toMatchObject({ status: 200 })
    app.process.send('end')
    await app.line(/^worker exits with 0$/)
    expect(count(app, /^podrain: drained in .* after SIGINT/)).toBe(1)
  })
})

describe.concurrent('a worker thread', () => {
  test('that serves is drained, and one that only computes neither prolongs the drain nor ends before', async () => {
    const app = await App.serve([fixture('threads.mjs')])
    expect(await ask(app.port, '/readyz')).toMatchObject({ status: 200 })
    expect(await terminateWithRequest(app)).toEqual(answered)
    expect(app.lines).toContain('thread gone 0')
    expect(app.lines).not.toContain('computing thread gone')
    expect(count(app, /^podrain \(thread \d+\): drained in .*; nothing cut/)).toBe(1)
    expect(count(app, /^podrain: drained in .*; nothing cut/)).toBe(1)
    expect(app.output).not.toContain('its main thread passes none on')
  })

  test('is drained by the application if its main thread calls drainThread()', async () => {
    const app = await App.serve([fixture('threads.mjs')], { MAIN: 'drains' })
    expect(await terminateWithRequest(app)).toEqual(answered)
    expect(app.lines).toContain('own main thread closes')
    expect(count(app, /^podrain: draining because/)).toBe(1)
  })

  test('leaves the control port to the main thread', async () => {
    const app = await App.serve([fixture('threads.mjs')], { PODRAIN_CONTROL_PORT: '0' })
    const [, port] = /control endpoints on port (\d+)/.exec(await app.line(/control endpoints on port/)) ?? []
    expect(await ask(Number(port), '/readyz')).toMatchObject({ status: 200 })
    expect(await terminateWithRequest(app)).toEqual(answered)
    expect(count(app, /control endpoints on/)).toBe(1)
  })
})
