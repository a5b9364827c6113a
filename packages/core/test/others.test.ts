import { describe, expect, test } from 'vitest'
import type { DrainReport } from '../src/index.js'
import { ask, Child, Client, type Exit } from './support.js'

/** The lines of the child, from one line on. */
function after(child: Child, line: string): string[] {
  const index = child.lines.indexOf(line)
  expect(index, `a line "${line}"`).toBeGreaterThanOrEqual(0)
  return child.lines.slice(index + 1)
}

async function reportOf(child: Child): Promise<DrainReport> {
  return JSON.parse((await child.line(/^report /)).slice('report '.length))
}

describe('an application with a SIGTERM handler of its own, which', () => {
  const ways: [way: string, exit: Exit, more: string[]][] = [
    ['closes', [0, null], []],
    ['closes and exits', [0, null], []],
    ['exits', [0, null], []],
    ['exits later', [0, null], ['own clean-up done']],
    ['cleans up', [0, null], ['own clean-up done']],
    ['re-raises', [0, null], ['own clean-up done']],
    ['fails', [0, null], []],
    ['closes, and exits with 1 if that fails', [0, null], ['own clean-up done']],
    ['waits for the signal', [0, null], ['own clean-up done']],
    ['iterates over signals', [0, null], ['own clean-up done']],
    ['aborts what waits', [0, null], ['own clean-up done']],
    ['re-raises, as another does', [0, null], ['own clean-up done']],
    ['sets a timer for the worst', [0, null], []],
  ]
  test.each(ways)('%s, answers all requests first; then the handler runs once', async (own, exit, more) => {
    const child = await Child.start({ own })
    const held = await Client.open(child.port)
    await held.get('/hold').until(/first half, /)
    child.signal('SIGTERM')
    await child.line(/^state draining/)
    expect((await ask(child.port)).body).toBe('ok')
    expect(child.lines).not.toContain('own handler')
    child.tell('answer')
    await held.end()
    expect(held.received).toMatch(/first half, .*second half.*\r\n0\r\n\r\n$/s)
    expect(await child.exit).toEqual(exit)
    expect(after(child, 'state closed')).toEqual(expect.arrayContaining(['own handler', ...more]))
    expect(child.lines.filter((line) => line === 'own handler')).toHaveLength(1)
    expect(child.lines.filter((line) => /^podrain: second/.test(line))).toEqual([])
    expect(await reportOf(child)).toMatchObject({ clean: true, closedEarly: [], cut: [] })
    expect(child.lines).toContain('close hooks')
  })

  test('emits the signal without its name is drained, too', async () => {
    const child = await Child.start({ own: 'cleans up' })
    child.tell('emit')
    expect(await child.exit).toEqual([0, null])
    expect(await reportOf(child)).toMatchObject({ reason: 'SIGTERM', clean: true })
    expect(child.lines).toContain('own clean-up done')
  })

  test('exits with 0, does not hide that the drain was not clean', async () => {
    const options = { terminationGracePeriodSeconds: 3, reserve: 1500 }
    const child = await Child.start({ own: 'exits', hang: 'hook', options })
    child.signal('SIGTERM')
    expect(await child.exit).toEqual([1, null])
    expect(child.lines).toContain('own handler')
  })
})

describe('an application that exits during the drain', () => {
  test('has cut a request: the log says so, and the exit code is not 0', async () => {
    const child = await Child.start({ exits: 'in onDrain' })
    const held = await Client.open(child.port)
    await held.get('/hold').until(/first half, /)
    child.signal('SIGTERM')
    expect(await child.exit).toEqual([1, null])
    const line = /^podrain: something called process\.exit\(\) before the drain was over: draining for .*, 1 in flight/
    expect(child.lines).toContainEqual(expect.stringMatching(line))
  })

  test('is named on stderr if its logger writes nothing', async () => {
    const child = await Child.start({ exits: 'in onClose', options: { logger: false } })
    child.signal('SIGTERM')
    expect(await child.exit).toEqual([0, null])
    const line = /^podrain: something called process\.exit\(\) before the drain was over: closing for .*, 0 in flight/
    expect(child.lines).toContainEqual(expect.stringMatching(line))
  })

  test('may set the exit code and leave the exit to podrain', async () => {
    const child = await Child.start({ exits: 'with a code' })
    child.signal('SIGTERM')
    expect(await child.exit).toEqual([7, null])
    expect(await reportOf(child)).toMatchObject({ clean: true })
    expect(child.lines.filter((line) => /process\.exit/.test(line))).toEqual([])
  })
})

describe('a server that the application closes while the drain goes on', () => {
  test.each([true, 'by a promise'])(
    'is said at once, with the place and the cure, and the report is not clean (%s)',
    async (closesItself) => {
      const child = await Child.start({ closesItself })
      child.signal('SIGTERM')
      const line = await child.line(/a server was closed while load balancers may still send to it/)
      expect(line).toMatch(/`close\(\)` was called at .*app\.mjs:\d+:\d+\)?\. Remove the call/)
      expect(child.lines).not.toContain('state closing')
      expect(await child.exit).toEqual([1, null])
      expect(await reportOf(child)).toMatchObject({
        clean: false,
        closedEarly: [expect.stringMatching(/app\.mjs:\d+:\d+/)],
      })
      expect(child.lines).toContainEqual(expect.stringMatching(/; closed too early at .*app\.mjs/))
    },
  )
})

describe('the reason of the exit is written to stderr if the logger writes nothing:', () => {
  const options = { logger: false }
  test.each([
    ['an exception', '/throw', /^podrain: uncaught: Error: boom/],
    ['a rejection', '/reject', /^podrain: uncaught: Error: boom/],
  ])('%s', async (_what, path, line) => {
    const child = await Child.start({ options })
    const culprit = await Client.open(child.port)
    culprit.get(path)
    await child.line(line)
    culprit.abort()
    expect(await child.exit).toEqual([1, null])
    expect(child.lines).toContainEqual(expect.stringMatching(/`errors: false` leaves such errors to the application/))
    expect(child.lines).toContainEqual(expect.stringMatching(/^podrain: drained in .*; error: boom/))
  })

  test('a second signal', async () => {
    const child = await Child.start({ options })
    const held = await Client.open(child.port)
    await held.get('/hold').until(/first half, /)
    child.signal('SIGTERM')
    await child.line(/^some time later/)
    child.signal('SIGTERM')
    expect(await child.exit).toEqual([1, null])
    expect(child.lines).toContainEqual(expect.stringMatching(/^podrain: second SIGTERM, exiting now/))
    expect(child.lines.filter((line) => /process\.exit/.test(line))).toEqual([])
  })

  test('a hook that hangs', async () => {
    const child = await Child.start({
      hang: 'hook',
      options: { ...options, terminationGracePeriodSeconds: 3, reserve: 1500 },
    })
    child.signal('SIGTERM')
    expect(await child.exit).toEqual([1, null])
    expect(child.lines).toContainEqual(expect.stringMatching(/^podrain: onClose hook "pool" did not end within/))
    expect(child.lines).toContainEqual(expect.stringMatching(/^podrain: drained in .*; hooks: pool timed out$/))
  })

  test('but not for a clean drain', async () => {
    const child = await Child.start({ options })
    child.signal('SIGTERM')
    expect(await child.exit).toEqual([0, null])
    expect(child.lines.filter((line) => line.startsWith('podrain'))).toEqual([])
  })
})

describe('a process whose log reader has gone', () => {
  test.each([
    ['stdout', 1],
    ['stderr', 0],
  ] as const)('(%s) drains and is gone; it says so once, where that can be read', async (stream, times) => {
    const child = await Child.start({ chatters: stream })
    child.process[stream]?.destroy() // as `head` goes after its lines
    expect(await child.exit).toEqual([1, null])
    expect(child.lines.filter((line) => /uncaught: Error: write EPIPE/.test(line))).toHaveLength(times)
  })

  test('exits, too, if the application logs every error itself', async () => {
    const child = await Child.start({ chatters: 'stdout', ownErrorHandler: true })
    child.process.stdout?.destroy()
    expect(await child.exit).toEqual([1, null])
  })
})

describe('SIGTERM while an application closes itself', () => {
  test('waits for its hooks, and exits with 0', async () => {
    const child = await Child.start({ disposes: true })
    await child.line(/^slow hook begins/)
    child.signal('SIGTERM')
    expect(await child.exit).toEqual([0, null])
    expect(child.lines).toContain('slow hook ends')
  })
})
