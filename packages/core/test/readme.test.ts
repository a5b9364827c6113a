import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { endpointOptionNames, resolveEndpoints } from '../src/endpoints/options.js'
import { drainOptionNames } from '../src/options.js'
import { resolveOptions } from '../src/resolve-options.js'

/** Every option of an adapter, as the tables name it. */
const options = [
  ...drainOptionNames.filter((name) => name !== 'settle'),
  ...['settle.min', 'settle.quiet', 'settle.max'],
  ...endpointOptionNames,
  ...['drain', 'controlPort', 'metrics', 'controlSocket'],
]

/** The rows of a page's table of options: the names in the first cell, and the default. */
function rowsOf(page: string): Array<{ names: string[]; fallback: string }> {
  const text = readFileSync(join(__dirname, '..', '..', '..', page), 'utf8')
  const [, table = ''] = /\n## Options\n[\s\S]*?\n\| option [^\n]*\n\|[^\n]*\n([\s\S]*?)\n\n/.exec(text) ?? []
  return table.split('\n').map((line) => {
    const [, first = '', fallback = ''] = line.split('|')
    return { names: [...first.matchAll(/`([\w.]+)`/g)].map(([, name = '']) => name), fallback: fallback.trim() }
  })
}

describe.each(['README.md', ...['fastify', 'express', 'koa'].map((name) => `packages/${name}/README.md`)])(
  'the options in %s',
  (page) => {
    test('are complete, each once', () => {
      expect(rowsOf(page).flatMap(({ names }) => names)).toHaveLength(options.length)
      expect(new Set(rowsOf(page).flatMap(({ names }) => names))).toEqual(new Set(options))
    })

    test('have the default values of the code', () => {
      const { settle, ...resolved } = resolveOptions({ terminationGracePeriodSeconds: 30, platform: 'kubernetes' })
      const { checkTimeout } = resolveEndpoints({})
      const used = { ...resolved, 'settle.min': settle.min, 'settle.quiet': settle.quiet, checkTimeout }
      const told = rowsOf(page).flatMap(({ names: [name = '', second], fallback }) =>
        second === undefined && /^\d/.test(fallback) ? [[name, Number.parseInt(fallback, 10)]] : [],
      )
      expect(told.length).toBeGreaterThan(5)
      expect(used).toMatchObject(Object.fromEntries(told))
    })
  },
)
