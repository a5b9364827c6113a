import { expect, test } from 'vitest'
import { textOf, withoutCode } from './pages.js'

/** As `wc -w` counts. */
const words = (text: string): number => text.split(/\s+/).filter((word) => word !== '').length

test('README.md is read in five minutes: at most 1,000 words, code included or not', () => {
  const text = textOf('README.md')
  expect(Math.max(words(text), words(withoutCode(text)))).toBeLessThanOrEqual(1000)
})

test.each(['core', 'fastify', 'express', 'koa', 'nestjs', 'auto'])(
  'packages/%s/README.md is one screen: at most 300 words',
  (name) => {
    expect(words(textOf(`packages/${name}/README.md`))).toBeLessThanOrEqual(300)
  },
)

test('the first 50 lines of README.md have the sentence, the install, each framework and the manifest in its place', () => {
  const screen = textOf('README.md').split('\n').slice(0, 50).join('\n')
  for (const part of ['npm install', '@podrain/fastify', '@podrain/express', '@podrain/koa', 'template:\n    spec:']) {
    expect(screen).toContain(part)
  }
})
