import { Drain } from '@podrain/core'
import { expect, test } from 'vitest'

const listeners = () => process.eventNames().map((name) => [name, process.listenerCount(name)])

test('a disposed drain leaves no listener on the process', async () => {
  const before = listeners()
  const first = new Drain({ logger: false })
  const withOne = listeners()
  const second = new Drain({ logger: false })
  expect(listeners()).toEqual(withOne) // both drains share the listeners
  await Promise.all([first.dispose(), second.dispose()])
  expect(listeners()).toEqual(before)
})

test('a drain with `signals: false` adds no listener', () => {
  const before = listeners()
  new Drain({ signals: false, logger: false })
  expect(listeners()).toEqual(before)
})
