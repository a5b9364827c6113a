import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { rooms } from '../src/behaviours/index.js'
import type { Need } from '../src/needs.js'
import { missing } from '../src/run.js'

const behaviours = rooms.flatMap((room) => room.behaviours)
const ofCode: readonly Need[] = ['inside', 'inFlight', 'signal', 'endpoints', 'handlers']
const asked = (...has: readonly Need[]): number =>
  behaviours.filter((behaviour) => missing(behaviour, has) === undefined).length

test('README and guide count the sentences that need no code of the server, and those that an ordinary path is enough for', () => {
  const plain: readonly Need[] = ['http1', 'plain', 'keepAlive', 'unknown']
  const black = behaviours.filter(({ needs }) => ofCode.every((need) => !needs.includes(need))).length
  const texts = ['../README.md', '../../../docs/guides/contract.md'].map((file) =>
    readFileSync(path.join(__dirname, file), 'utf8'),
  )
  const sentence = `An ordinary path is enough for ${asked(...plain)} of ${black} sentences`
  for (const text of texts) expect(text).toContain(sentence)
  expect(texts[1]).toContain(`\`--slow\` adds ${asked(...plain, 'slow') - asked(...plain)}`)
})
