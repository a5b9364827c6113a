import { describe, expect, test } from 'vitest'
import { type Block, blocksOf, pages } from './pages.js'
import { type Program, programOf, start } from './program.js'

const shown = pages.filter((page) =>
  /^(?:README\.md|docs\/start\/.*|docs\/guides\/(?:fastify|express|koa|node-http|auto)\.md|packages\/(?:core|fastify|express|koa)\/README\.md)$/.test(
    page,
  ),
)
const programs = shown
  .flatMap(blocksOf)
  .filter(({ language }) => language === 'js' || language === 'diff')
  .map((block) => ({ ...block, program: programOf(block) }))

/** Next.js is not in the repository: `npx -y pnpm@10.34.9 frameworks` installs and runs it. */
const notHere = programs.filter(({ program }) => program.folder === undefined)

test('what is shown can be run, but for Next.js', () => {
  expect(programs.length).toBeGreaterThan(25)
  expect(notHere.map(({ code }) => /from 'next'/.test(code))).toEqual([true])
})

describe.concurrent('a service made of a snippet is ready, answers, drains at SIGTERM and exits with 0:', () => {
  const cases = programs.filter(({ program }) => program.folder !== undefined)
  test.for<Block & { program: Program }>(cases)('$page, block $number', async ({ program }, context) => {
    const service = start(context, program)
    if (program.code.includes('.listen(')) {
      await service.listening()
      const ask = (path: string) => fetch(`http://127.0.0.1:${service.port}${path}`, { redirect: 'manual' })
      expect(await (await ask('/drainz')).json()).toMatchObject({ state: 'serving' })
      expect((await ask('/')).status).toBeLessThan(500)
    } else await service.line(/^hears SIGTERM/)
    service.signal('SIGTERM')
    // An unclean drain exits with 1.
    expect([await service.exit, service.output]).toEqual([[0, null], expect.any(String)])
  })
})
