import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'

// podrain-prestop.test.ts runs the command. Here its code runs in this process, with responses of all kinds.

async function listen(handler: RequestListener): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'podrain-'))
  const path = join(folder, 'podrain.sock')
  const server = createServer(handler).listen(path)
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    rmSync(folder, { recursive: true })
  })
  return path
}

/** Runs the command with these arguments and PODRAIN_SOCKET. Returns its output and its exit code. */
async function run(args: string[], environment?: string): Promise<{ code: unknown; said: string }> {
  vi.stubEnv('PODRAIN_SOCKET', environment)
  const { argv, exitCode } = process
  onTestFinished(() => {
    vi.unstubAllEnvs()
    process.argv = argv
    process.exitCode = exitCode
  })
  process.argv = ['node', 'podrain-prestop', ...args]
  process.exitCode = undefined
  const spoken = new Promise<string>((resolve) => {
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      resolve(String(text))
      return true
    })
  })
  vi.resetModules()
  await import('../src/podrain-prestop.js')
  const said = await spoken
  return { code: process.exitCode, said }
}

const status = { state: 'draining', committed: false, inFlight: 0, tasks: [] as string[], oldest: null, budgetMs: 1 }
const answer =
  (body: object, code = 200): RequestListener =>
  (_request, response) =>
    void response.writeHead(code).end(JSON.stringify(body))

describe('podrain-prestop ends', () => {
  test.each([
    ['0 when all is settled', status, 200, 0, 'draining, 0 in flight'],
    ['0 when all is settled and the signal has come', { ...status, state: 'closing' }, 200, 0, 'closing, 0 in flight'],
    ['1 when requests were open', { ...status, inFlight: 2 }, 200, 1, 'draining, 2 in flight'],
    [
      '1 when tasks were',
      { ...status, tasks: ['mail', 'thumbnails'] },
      200,
      1,
      'draining, 0 in flight, tasks: mail, thumbnails',
    ],
    ['1 when both were', { ...status, inFlight: 1, tasks: ['mail'] }, 200, 1, 'draining, 1 in flight, tasks: mail'],
    ['1 when the drain was undone', { ...status, state: 'serving' }, 200, 1, 'serving, 0 in flight'],
    ['1 when too many waited', status, 503, 1, 'draining, 0 in flight'],
  ])('with %s', async (_name, body, http, code, said) => {
    const path = await listen(answer(body, http))
    expect(await run([path])).toEqual({ code, said: `podrain-prestop: ${said}\n` })
  })

  test('with 2 when the response is not from podrain', async () => {
    const path = await listen((_request, response) => void response.writeHead(404).end('who?'))
    const { code, said } = await run([path])
    expect(code).toBe(2)
    expect(said).toMatch(/^podrain-prestop: the response \(status 404\) is not from podrain: .*JSON/)
  })

  test('with 2 when the response is incomplete', async () => {
    const path = await listen((request, response) => {
      response.writeHead(200, { 'content-length': 100 }).write('{')
      setImmediate(() => request.socket.destroy())
    })
    expect(await run([path])).toEqual({ code: 2, said: expect.stringContaining('is not from podrain') })
  })

  test('with 2 when no process listens, and says what to set', async () => {
    const path = join(tmpdir(), 'podrain-is-not-here.sock')
    const { code, said } = await run([path])
    expect(code).toBe(2)
    expect(said).toBe(
      `podrain-prestop: connect ENOENT ${path}; is the option \`controlSocket\` set in the application, and \`${path}\` its ` +
        'path? Another path is this command’s argument, or the environment variable PODRAIN_SOCKET\n',
    )
  })
})

describe('podrain-prestop asks', () => {
  test('GET /prestop, and decodes a character that comes in two pieces', async () => {
    const asked: unknown[] = []
    const path = await listen((request, response) => {
      asked.push(request.method, request.url)
      const bytes = Buffer.from(JSON.stringify({ ...status, tasks: ['Zürich'] }))
      const middle = bytes.indexOf('ü') + 1
      response.write(bytes.subarray(0, middle))
      setImmediate(() => response.end(bytes.subarray(middle)))
    })
    expect((await run([path])).said).toContain('tasks: Zürich')
    expect(asked).toEqual(['GET', '/prestop'])
  })

  test('at the path in PODRAIN_SOCKET, unless an argument names another', async () => {
    const [mine, other] = [await listen(answer(status)), await listen(answer({ ...status, inFlight: 1 }))]
    expect(await run([], mine)).toMatchObject({ code: 0 })
    expect(await run([other], mine)).toMatchObject({ code: 1 })
  })

  test('at the path of `controlSocket: true` by default', async () => {
    const { defaultSocket } = await import('../src/endpoints/control-listener.js')
    expect(defaultSocket).toBe('/tmp/podrain.sock')
    const asked = vi.fn()
    vi.resetModules()
    vi.doMock('node:http', () => ({
      default: {
        get: (options: object) => {
          asked(options)
          return { on: (_event: string, listener: (error: Error) => void) => listener(new Error('not here')) }
        },
      },
    }))
    onTestFinished(() => {
      vi.doUnmock('node:http')
      vi.resetModules() // what was loaded with it
    })
    expect((await run([])).said).toContain('not here')
    expect(asked).toHaveBeenCalledWith({ socketPath: '/tmp/podrain.sock', path: '/prestop', agent: false })
  })
})
