import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type DrainReport, drainServer, type Outcome, outcomeOf, outcomeText } from '../src/index.js'
import { together } from '../src/outcome/outcome.js'
import { ask, Child } from './support.js'

/** The file that the kubelet would have made, empty. */
function terminationLog(): string {
  const directory = mkdtempSync(join(tmpdir(), 'podrain-outcome-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const path = join(directory, 'termination-log')
  writeFileSync(path, '')
  return path
}

async function start(config: object, fixture = 'outcome.mjs'): Promise<{ child: Child; path: string }> {
  const path = terminationLog()
  const child = new Child({ path, ...config }, fixture)
  await child.listening()
  return { child, path }
}

async function hold(child: Child): Promise<void> {
  ask(child.port, '/silent?token=secret').catch(() => {})
  await child.line(/^silent/)
}

function messageIn(path: string): Outcome {
  const text = readFileSync(path, 'utf8')
  expect(text).toMatch(/^\{"outcome":.*\}\n$/)
  expect(text).not.toContain('secret')
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(4096)
  return JSON.parse(text)
}

describe('the termination message', () => {
  test('of a clean drain contains the outcome, the duration and the reason', async () => {
    const { child, path } = await start({})
    expect(readFileSync(path, 'utf8')).toBe('')
    await ask(child.port, '/')
    child.signal('SIGTERM')
    expect(await child.exit).toEqual([0, null])
    expect(messageIn(path)).toEqual({
      outcome: 'drained',
      by: 'podrain',
      reason: 'SIGTERM',
      startedAt: expect.stringMatching(/^\d{4}-.*Z$/),
      durationMs: expect.any(Number),
      settleMs: expect.any(Number),
      answered: 0,
      pid: child.process.pid,
    })
  })

  test('of a drain that cut requests names them, without query strings', async () => {
    const { child, path } = await start({})
    await hold(child)
    child.signal('SIGTERM')
    expect(await child.exit).toEqual([1, null])
    expect(messageIn(path)).toMatchObject({
      outcome: 'cut',
      cutCount: 1,
      cut: [expect.stringMatching(/^GET \/silent \(\d\.\d s\)$/)],
    })
  })

  test('of a drain whose server other code closed names the place in the code', async () => {
    const { child, path } = await start({ closesEarly: true })
    await hold(child)
    child.signal('SIGTERM')
    expect(await child.exit).toEqual([1, null])
    expect(messageIn(path)).toMatchObject({
      outcome: 'closed early',
      closedEarly: [expect.stringMatching(/outcome\.mjs:\d+/)],
    })
  })

  test('of a crash has the name and the first line of the error, and no stack', async () => {
    const { child, path } = await start({})
    ask(child.port, '/crash').catch(() => {})
    expect(await child.exit).toEqual([1, null])
    expect(messageIn(path)).toMatchObject({
      outcome: 'crashed',
      reason: 'an uncaught error',
      error: 'TypeError: no row at https://db/rows',
    })
  })

  test('of a container that was killed contains what it waited for', async () => {
    const { child, path } = await start({ options: { terminationGracePeriodSeconds: 30, closing: 300 } })
    await hold(child)
    child.signal('SIGTERM')
    await child.line(/: draining for .* 1 in flight, oldest GET/)
    await child.line(/: draining for .* 1 in flight, oldest GET/, 3) // the message of the second has been written
    child.signal('SIGKILL')
    expect(await child.exit).toEqual([null, 'SIGKILL'])
    expect(messageIn(path)).toMatchObject({
      outcome: 'draining',
      inFlight: 1,
      budgetMs: expect.any(Number),
      waitingFor: [expect.stringMatching(/^GET \/silent \(\d\.\d s\)$/)],
    })
  })

  test('of the application itself stays', async () => {
    const { child, path } = await start({ says: 'out of licences' })
    child.signal('SIGTERM')
    expect(await child.exit).toEqual([0, null])
    expect(readFileSync(path, 'utf8')).toBe('out of licences')
  })

  test('has the outcome before text that the application has written in the meantime', async () => {
    const { child, path } = await start({ adds: 'out of licences\n' })
    child.signal('SIGTERM')
    expect(await child.exit).toEqual([0, null])
    const [message = '', ...behind] = readFileSync(path, 'utf8').split('\n')
    expect(JSON.parse(message)).toMatchObject({ outcome: 'drained' })
    expect(behind).toEqual(['out of licences', ''])
  })

  test('stays unchanged if text of the application fills the file', async () => {
    const { child, path } = await start({ adds: 'é'.repeat(4000) })
    child.signal('SIGTERM')
    expect(await child.exit).toEqual([0, null])
    expect(readFileSync(path, 'utf8')).toMatch(/^\{"outcome":"draining".*\}\né{4000}$/)
  })

  test('that cannot be written is warned of once, and the drain goes on', async () => {
    const { child } = await start({ options: { terminationMessagePath: '/proc/none/termination-log' } })
    child.signal('SIGTERM')
    expect(await child.exit).toEqual([0, null])
    expect(child.output.match(/the termination message could not be written/g)).toHaveLength(1)
  })

  test('is not written if the path is a pipe without a reader', async () => {
    const pipe = `${terminationLog()}-pipe`
    execFileSync('mkfifo', [pipe])
    const { child } = await start({ options: { terminationMessagePath: pipe } })
    child.signal('SIGTERM')
    expect(await child.exit).toEqual([0, null])
    expect(child.output).toContain('is not a file')
  })

  test('of a cluster names what a worker has cut, and is written by the primary', async () => {
    const path = terminationLog()
    const terminationMessagePath = path
    const times = { terminationGracePeriodSeconds: 3, progress: 100, terminationMessagePath }
    const child = new Child({ workers: 2, options: times, primaryOptions: times }, 'cluster.mjs')
    await child.listening()
    ask(child.port, '/hold').catch(() => {})
    await child.line(/^held/)
    child.signal('SIGTERM')
    expect(await child.exit).toEqual([1, null])
    expect(messageIn(path)).toMatchObject({
      outcome: 'cut',
      cutCount: 1,
      cut: [expect.stringMatching(/^GET \/hold/)],
      pid: child.process.pid,
    })
  })

  test('of a thread is written by the main thread', async () => {
    const path = terminationLog()
    const options = { terminationGracePeriodSeconds: 3, terminationMessagePath: path }
    const child = new Child({ threads: 1, options }, 'cluster.mjs')
    await child.listening()
    ask(child.port, '/hold').catch(() => {})
    await child.line(/^held/)
    child.signal('SIGTERM')
    expect(await child.exit).toEqual([1, null])
    // If the thread was ended before it could report what it cut, the message has what it waited for.
    const { outcome, cut = [], waitingFor = [] } = messageIn(path)
    expect(outcome).toBe('cut')
    expect([...cut, ...waitingFor]).toContainEqual(expect.stringMatching(/^GET \/hold/))
  })

  test('is removed when no signal follows the hook', async () => {
    const path = terminationLog()
    const { child } = await start({
      options: { terminationGracePeriodSeconds: 1, reserve: 100, terminationMessagePath: path },
    })
    const hook = ask(child.port, '/prestop', { headers: { 'user-agent': 'kube-lifecycle/1.34' } })
    await expect.poll(() => readFileSync(path, 'utf8')).toContain('"draining"')
    await hook
    await expect.poll(() => readFileSync(path, 'utf8')).toBe('')
  })

  test('does not replace a worse one of another process of the container, but replaces an old one', async () => {
    const path = terminationLog()
    const end = async (startedAt: string): Promise<Outcome> => {
      writeFileSync(path, `${JSON.stringify({ ...outcome({ outcome: 'cut', startedAt }), pid: 1 })}\n`)
      const drain = drainServer(createServer(), { signals: false, logger: false, terminationMessagePath: path })
      await drain.start({ settle: false })
      return messageIn(path)
    }
    expect(await end(new Date().toISOString())).toMatchObject({ outcome: 'cut' })
    expect(await end('2020-01-01T00:00:00.000Z')).toMatchObject({ outcome: 'drained' })
  })

  test.each([
    ['connect postgres://user:sec@ret@db/rows', 'connect postgres://db/rows'],
    ['connect postgres://user:sec/ret@db/rows', 'connect postgres://db/rows'],
    ['GET https://api:8080?token=secret failed', 'GET https://api:8080 failed'],
    ['GET /v1/books:batchGet?key=secret failed', 'GET /v1/books:batchGet failed'],
    ['GET /rows?filter[id]=1&token=secret failed', 'GET /rows failed'],
    ['at https://app/#access_token=secret', 'at https://app/'],
    ['refused "Authorization: Bearer secret.secret"', 'refused "Authorization: Bearer …"'],
    [
      'no http://host:80/@scope/a@1 and file:///a/@b/c@2.0.0/d.js',
      'no http://host:80/@scope/a@1 and file:///a/@b/c@2.0.0/d.js',
    ],
    ['is a?.b /defined? yes', 'is a?.b /defined? yes'],
  ])('of an error with the message `%s` has no secret', (message, told) => {
    expect(outcomeOf(crash(new Error(message))).error).toBe(`Error: ${told}`)
  })

  test('of an error that quotes a whole body is created quickly', () => {
    for (const part of ['a/', '//a:b', '//', '#a', '?.', 'Bearer ']) {
      const begun = process.cpuUsage().user
      outcomeOf(crash(new Error(part.repeat(200_000))))
      expect(process.cpuUsage().user - begun, part).toBeLessThan(5_000_000)
    }
  })

  test('fits into 4096 bytes, whatever it contains', () => {
    const long = (what: string) => Array.from({ length: 300 }, (_, n) => `${what} ${n} ${'\u0000é😀'.repeat(200)}`)
    const report: DrainReport = {
      reason: 'x'.repeat(9000),
      startedAt: 0,
      durationMs: 1.5,
      settleMs: 1,
      answered: 1,
      closedEarly: long('file'),
      cut: long('/path').map((path) => ({ method: 'GET', path, ageMs: 1 })),
      unfinishedTasks: long('task'),
      hooks: long('hook').map((name) => ({ name, outcome: 'timed out', durationMs: 1 })),
      undeliveredBytes: 1,
      unknownConnections: 1,
      error: new Error('\u0001'.repeat(9000)),
      clean: false,
    }
    const text = outcomeText(outcomeOf(report), 4096)
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(4096)
    expect(JSON.parse(text)).toMatchObject({ outcome: 'crashed', cutCount: 300 })
    expect(JSON.parse(text).unfinishedTasks.at(-1)).toMatch(/^and \d+ more$/)
  })
})

describe('of several drains of a pod', () => {
  test('the worst counts, with the losses of all of them', () => {
    const all = together([
      outcome({ answered: 2 }),
      outcome({ outcome: 'cut', cutCount: 1, cut: ['GET /a (1.0 s)'], answered: 1 }),
      outcome({ outcome: 'failed', failedHooks: ['pool timed out'] }),
    ])
    expect(all).toMatchObject({
      outcome: 'cut',
      answered: 3,
      cutCount: 1,
      cut: ['GET /a (1.0 s)'],
      failedHooks: ['pool timed out'],
    })
  })

  test('one that goes on counts, with the losses of another one', () => {
    const cut = { outcome: 'cut', cutCount: 1, cut: ['GET /a (1.0 s)'] } as const
    expect(together([outcome(cut), outcome({ outcome: 'draining', inFlight: 2 })])).toMatchObject({
      ...cut,
      outcome: 'draining',
      inFlight: 2,
    })
  })
})

function crash(error: unknown): DrainReport {
  const nothing = { answered: 0, closedEarly: [], cut: [], unfinishedTasks: [], hooks: [] }
  const lost = { undeliveredBytes: 0, unknownConnections: 0 }
  return { reason: 'SIGTERM', startedAt: 0, durationMs: 1, settleMs: 1, ...nothing, ...lost, error, clean: false }
}

function outcome(change: Partial<Outcome>): Outcome {
  const startedAt = new Date().toISOString()
  return { outcome: 'drained', by: 'podrain', reason: 'SIGTERM', startedAt, durationMs: 1, ...change }
}

describe('hooks of onReport', () => {
  test('have run before the process exits, with the report', async () => {
    const { child } = await start({})
    child.signal('SIGTERM')
    expect(await child.exit).toEqual([0, null])
    expect(child.lines.slice(-2)).toEqual(['reported true pool', 'exit'])
  })

  test('that hang or fail are logged, and neither change the exit code nor make the process late', async () => {
    for (const config of [{ hangs: true }, { fails: true }]) {
      const { child } = await start(config)
      child.signal('SIGTERM')
      const killed = setTimeout(() => child.signal('SIGKILL'), 20_000)
      expect(await child.exit).toEqual([0, null])
      clearTimeout(killed)
      expect(child.output).toMatch(/onReport hook "collector" (did not end within \d+ ms|failed: .*ECONNREFUSED)/)
    }
  })

  test('that exit the process with 0 do not hide what was cut', async () => {
    const { child } = await start({ exits: 0 })
    await hold(child)
    child.signal('SIGTERM')
    expect(await child.exit).toEqual([1, null])
  })

  test('that exit the process after a clean drain decide the exit code', async () => {
    const { child } = await start({ exits: 7 })
    child.signal('SIGTERM')
    expect(await child.exit).toEqual([7, null])
  })

  test('that cause an error that is not caught make the process exit with 1, as its log line says', async () => {
    const { child } = await start({ crashes: true })
    child.signal('SIGTERM')
    expect(await child.exit).toEqual([1, null])
    expect(child.output).toContain('uncaught: Error: the exporter is broken')
  })

  test('that hang after the deadline get less than half of the time until SIGKILL', async () => {
    const { child } = await start({ hangs: true })
    await hold(child)
    child.signal('SIGTERM')
    expect(await child.exit).toEqual([1, null])
    const [, ms] = /onReport hook "collector" did not end within (\d+) ms/.exec(child.output) ?? []
    expect(Number(ms)).toBeLessThanOrEqual((300 + 600 - 100) / 2) // closing and reserve, less `exitTime`
  })

  test('have run when start() and dispose() resolve, if the process goes on', async () => {
    for (const end of ['start', 'dispose'] as const) {
      const drain = drainServer(createServer(), { signals: false, logger: false })
      const ran: string[] = []
      drain.on('report', () => ran.push('event'))
      drain.onReport(async ({ reason, startedAt }) => {
        await new Promise((resolve) => setImmediate(resolve))
        expect(Math.abs(Date.now() - startedAt)).toBeLessThan(60_000)
        ran.push(reason)
      })
      await (end === 'start' ? drain.start({ settle: false }) : drain.dispose())
      expect(ran).toEqual(['event', `${end}()`])
    }
  })
})
