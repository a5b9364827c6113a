import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { build } from 'esbuild'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ask, Child, Client } from './support.js'

function socketPath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'podrain-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return join(folder, 'podrain.sock')
}

describe('podrain-prestop, the hook without network,', () => {
  interface Ended {
    readonly code: number | null
    readonly said: string
  }

  const installed = join(__dirname, '../bin/podrain-prestop.js')

  function hook(path: string, program = installed): Promise<Ended> & { begun: Promise<unknown> } {
    const child = execFile(process.execPath, [program, path])
    onTestFinished(() => void child.kill('SIGKILL'))
    let said = ''
    child.stderr?.on('data', (text) => {
      said += text
    })
    const ended = once(child, 'close').then(([code]) => ({ code, said }))
    return Object.assign(ended, { begun: once(child, 'spawn') })
  }

  async function startWith(config: object = {}): Promise<{ child: Child; path: string }> {
    const path = socketPath()
    const child = await Child.start({ ...config, options: { controlSocket: path } })
    await child.line(/control endpoints on/)
    return { child, path }
  }

  test('drains, waits for the request in flight, and ends with 0; then the signal ends the process', async () => {
    const { child, path } = await startWith()
    const client = await Client.open(child.port)
    await client.get('/hold').until(/first half, /)
    const ended = hook(path)
    await child.line(/^state draining/)
    expect((await ask(child.port, '/readyz')).status).toBe(503)
    child.tell('answer')
    await client.until(/second half/)
    expect(await ended).toEqual({ code: 0, said: 'podrain-prestop: draining, 0 in flight\n' })
    child.signal('SIGTERM')
    expect(await child.exit).toEqual([0, null])
  })

  test('ends with 1 when the time ran out first, and says what was open', async () => {
    const path = socketPath()
    const child = await Child.start({
      hang: 'task',
      options: { controlSocket: path, terminationGracePeriodSeconds: 2 },
    })
    await child.line(/control endpoints on/)
    expect(await hook(path)).toEqual({ code: 1, said: 'podrain-prestop: draining, 0 in flight, tasks: mail\n' })
  })

  test('ends with 2 when no process listens, and says what to set', async () => {
    const path = socketPath()
    const { code, said } = await hook(path)
    expect(code).toBe(2)
    expect(said).toContain('is the option `controlSocket` set')
    expect(said).toContain(path)
  })

  test('ends with 2 when another program answers', async () => {
    const path = socketPath()
    const other = createServer((_request, response) => void response.writeHead(404).end('who?')).listen(path)
    onTestFinished(() => void other.close())
    await once(other, 'listening')
    const { code, said } = await hook(path)
    expect(code).toBe(2)
    expect(said).toContain('the response (status 404) is not from podrain')
  })

  test('is an entry point for a bundler, so that an image without node_modules has the hook', async () => {
    const { child, path } = await startWith()
    const outfile = join(dirname(path), 'prestop.js')
    const entryPoints = ['@podrain/core/prestop']
    await build({ absWorkingDir: __dirname, entryPoints, bundle: true, platform: 'node', outfile })
    expect(await hook(path, outfile)).toEqual({ code: 0, said: 'podrain-prestop: draining, 0 in flight\n' })
    child.signal('SIGTERM')
    expect(await child.exit).toEqual([0, null])
  })

  test('ends with 1 when too many callers wait already, because the pod may not have settled', async () => {
    const { child, path } = await startWith({ hang: 'task' })
    const waiting = await Promise.all([...Array(8)].map(() => Client.open(child.port)))
    for (const client of waiting) client.get('/prestop')
    await child.line(/^state draining/)
    await ask(child.port, '/livez')
    expect(await hook(path)).toMatchObject({ code: 1 })
  })
})
