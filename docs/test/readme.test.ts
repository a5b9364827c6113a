import { expect, test } from 'vitest'
import { published } from '../../.ci/shared/published.mjs'
import { textOf, withoutCode } from './pages.js'

/** As `wc -w` counts. */
const words = (text: string): number => text.split(/\s+/).filter((word) => word !== '').length

test('README.md is read in five minutes: at most 1,000 words, code included or not', () => {
  const text = textOf('README.md')
  expect(Math.max(words(text), words(withoutCode(text)))).toBeLessThanOrEqual(1000)
})

test.each(published.map(({ folder }) => folder))('packages/%s/README.md is one screen: at most 300 words', (name) => {
  expect(words(textOf(`packages/${name}/README.md`))).toBeLessThanOrEqual(300)
})

test('the first 50 lines of README.md have the sentence, the install, each framework and the manifest in its place', () => {
  const screen = textOf('README.md').split('\n').slice(0, 50).join('\n')
  for (const part of ['npm install', '@podrain/fastify', '@podrain/express', '@podrain/koa', 'template:\n    spec:']) {
    expect(screen).toContain(part)
  }
})

test.each([
  ['0 of 1,062,186', 'docs/proof/benchmarks.md', 'podrain lost 0 of 1,062,186 requests** in 20 rolling updates'],
  ['65 of 65', 'docs/proof/peers.md', '| podrain on node:http | **65 / 65** |'],
  ['39 of 65', 'docs/proof/peers.md', '| lightship on node:http | **39 / 65** |'],
  ['37 of 49', 'docs/proof/peers.md', '| http-graceful-shutdown on node:http | **37 / 49** |'],
  ['7,384 checks', 'docs/proof/contract.md', 'all 7384 checks'],
  ['201 sentences', 'docs/proof/contract.md', '201 behaviours'],
  ['53 of 57', 'docs/proof/frameworks.md', '| with podrain | 44 of 84162 (4 of 57 rows) |'],
  ['0 of 46', 'docs/proof/frameworks.md', '(46 of 46 rows)'],
])('README.md says %s as %s does', (figure, page, measured) => {
  expect(textOf('README.md')).toContain(figure)
  expect(textOf(page)).toContain(measured)
})
