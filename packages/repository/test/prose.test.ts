import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'prose-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** The lines in which the linter finds something. */
function findingsIn(name: string, text: string): number[] {
  const file = join(folder, name)
  writeFileSync(file, text)
  const { stdout } = spawnSync(
    process.execPath,
    [join(__dirname, '..', '..', '..', '.ci', 'checks', 'prose.mjs'), file],
    {
      encoding: 'utf8',
    },
  )
  expect(stdout).toContain('prose: 1 files')
  return [...stdout.matchAll(/:(\d+):\d+: /g)].map(([, line]) => Number(line))
}

test('forbidden words are found in comments, docstrings and texts of the code, and not in its names', () => {
  const source = [
    '/** A graceful shutdown. */',
    'const gracefulShutdown = 1',
    '// One thing that goes on, and as soon as',
    'log(`a kill signal came`)',
    "log('the option `prestop hook` is code')",
    '/*',
    ' * It leaves as soon as',
    ' * that is true.',
    ' */',
  ]
  expect(findingsIn('code.ts', source.join('\n'))).toEqual([1, 4, 7])
})

test('forbidden words are found in a page, and not in its code', () => {
  const text = [
    '# A graceful shutdown',
    '',
    'Use `graceful shutdown`.',
    '',
    '| a | the prestop hook |',
    '|---|---|',
    '',
  ]
  expect(findingsIn('page.md', text.join('\n'))).toEqual([1, 5])
})
