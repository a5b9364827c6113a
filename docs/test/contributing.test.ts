import { expect, test } from 'vitest'
import { textOf } from './pages.js'

test('CONTRIBUTING.md tells of every script of package.json', () => {
  const { scripts } = JSON.parse(textOf('package.json'))
  const named = [...textOf('CONTRIBUTING.md').matchAll(/`(?:[^`]*\bpnpm )?([\w:-]+)[^`]*`/g)].map(([, name]) => name)
  expect(Object.keys(scripts).filter((name) => !named.includes(name))).toEqual([])
})
