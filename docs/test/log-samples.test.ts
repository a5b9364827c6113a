import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { RunningProcess } from '../../packages/core/test/running-process.js'
import { tidy } from '../../packages/reference/test/messages.js'
import { entriesOf, page } from '../../packages/reference/test/page.js'
import { blocksOf, pages, root, textOf } from './pages.js'

/** The texts of docs/reference/log-lines.md, which a test compares with the source code. `<…>` is inserted at run time. */
const known = entriesOf(page('log-lines.md')).flatMap(({ texts }) => texts)

/** The lines of a log on each page that shows some. */
const samples = pages.flatMap((name) => {
  if (name.endsWith('.api.md')) return []
  const lines = blocksOf(name).flatMap(({ code }) => code.split('\n').map((line) => line.trim()))
  const shown = lines.filter((line) => /^podrain(?: \(.*?\))?: /.test(line))
  return shown.length > 0 ? [{ name, shown }] : []
})

/** The pattern of a text in which anything may stand at the place of a mark. */
function patternOf(text: string, mark: string): string {
  const parts = text.split(mark).map((part) => part.trim().replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return parts.join('.*')
}

/** The text of the reference that a line has. If there are several, the longest: the first line of a drain ends in the text of its progress. */
function kindOf(line: string): string | undefined {
  return known
    .filter((text) => new RegExp(`^${patternOf(tidy(text), '<>')}$`).test(tidy(line)))
    .sort((a, b) => tidy(b).length - tidy(a).length)[0]
}

describe('the log of examples/express behind kube-proxy, with a preStop hook,', () => {
  let kinds: ReadonlyArray<string | undefined>

  beforeAll(async () => {
    const args = ['--require', join(__dirname, 'reader.cjs'), 'server.js']
    const env = { ...process.env, NODE_ENV: 'production', FRAMEWORK: 'express', KUBERNETES_SERVICE_HOST: '127.0.0.1' }
    const child = spawn(process.execPath, args, { cwd: join(root, 'examples/express'), env })
    try {
      const service = new RunningProcess(child)
      await service.listening()
      const ask = (path: string) => fetch(`http://127.0.0.1:${service.port}${path}`)
      const slow = await ask('/stream')
      await Promise.all([ask('/prestop'), slow.text(), service.line(/^podrain: draining for/)])
      service.signal('SIGTERM')
      expect(await service.exit, service.output).toEqual([0, null])
      kinds = service.lines.filter((line) => line.startsWith('podrain: ')).map(kindOf)
    } finally {
      child.kill('SIGKILL')
    }
  })

  test('is shown whole in docs/start/what-happens.md', () => {
    const whole = samples.find(({ name }) => name === 'docs/start/what-happens.md')
    expect(whole?.shown.map(kindOf)).toEqual(kinds)
  })

  test.for(samples)('has the lines that $name shows, in the same order and with no other between', ({ shown }) => {
    const begin = kinds.indexOf(kindOf(shown[0] ?? ''))
    expect(kinds.slice(begin, begin + shown.length)).toEqual(shown.map(kindOf))
  })
})

describe('log lines have the words that', () => {
  const pieces = [...page('log-lines.md').matchAll(/`([^`\n]+)`/g)].map(([, piece = '']) => piece)
  // With the examples for what is inserted.
  const texts = [...known, ...pieces].map((text) => `podrain: ${text.replaceAll(/[<>]/g, '')}`)
  const words = [...texts, ...samples.flatMap(({ shown }) => shown)]
  const searched = [...textOf('docs/operate/runbook.md').matchAll(/logs .*\| grep (?:-E )?'([^']+)'/g)]
    .flatMap(([, pattern = '']) => pattern.split('|'))
    // Without -E a parenthesis stands for itself.
    .map((pattern) => new RegExp(pattern.replaceAll('(', '\\(')))

  test('docs/operate/runbook.md searches them for', () => {
    expect(searched.length).toBeGreaterThan(4)
    expect(searched.filter((pattern) => !words.some((line) => pattern.test(line)))).toEqual([])
  })

  test.each([
    ['docs/start/what-happens.md', 'draining because of the preStop hook …'],
    ['docs/start/what-happens.md', 'left unfinished'],
    ['docs/operate/first-deploy.md', 'cut N in flight'],
    ['docs/operate/first-deploy.md', 'refused'],
    ['docs/operate/runbook.md', 'draining because of'],
    ['docs/operate/runbook.md', 'no signal followed … serving again'],
    ['docs/operate/symptoms.md', 'cut N in flight'],
    ['docs/operate/symptoms.md', 'draining because of SIGTERM'],
    ['docs/operate/symptoms.md', 'no signal followed … serving again'],
    ['docs/operate/symptoms.md', 'kubernetes: not allowed to watch …'],
  ])('%s quotes: %s', (name, quoted) => {
    expect(textOf(name)).toContain(quoted)
    const pattern = new RegExp(patternOf(quoted.replace(' N ', ' … '), '…'))
    expect(words.filter((line) => pattern.test(line))).not.toEqual([])
  })
})
