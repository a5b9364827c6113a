import { Drain } from '@podrain/core'
import { expect, test } from 'vitest'

const listeners = () => process.eventNames().map((name) => [name, process.listenerCount(name)])

test('a drain that was disposed leaves no listener behind', async () => {
  const before = listeners()
  const first = new Drain({ logger: false })
  const withOne = listeners()
  const second = new Drain({ logger: false })
  expect(listeners()).toEqual(withOne) // both share theirs
  await Promise.all([first.dispose(), second.dispose()])
  expect(listeners()).toEqual(before)
})

test('a drain without signals adds none', () => {
  const before = listeners()
  new Drain({ signals: false, logger: false })
  expect(listeners()).toEqual(before)
})
