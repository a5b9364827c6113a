import { EventEmitter } from 'node:events'
import { afterEach, expect, test } from 'vitest'
import { comeFirst } from '../src/process/events.js'

const event = 'podrain-test' as 'exit'

afterEach(() => {
  Reflect.deleteProperty(process, 'emit')
  process.removeAllListeners(event)
})

test('podrain gets an event before the listeners, and they are called if podrain does not handle the event', () => {
  const heard: unknown[] = []
  process.on(event, () => heard.push('listener'))
  const undo = comeFirst((name, args) => {
    if (name === event) heard.push(['podrain', ...args])
    return undefined
  })
  expect(process.emit(event, 1)).toBe(true)
  expect(heard).toEqual([['podrain', 1], 'listener'])
  undo()
  expect(process.emit(event, 2)).toBe(true)
  expect(heard).toEqual([['podrain', 1], 'listener', 'listener'])
})

test('an event that podrain handles is not passed on, and emit() returns whether it had listeners', () => {
  process.on(event, () => expect.unreachable())
  for (const answer of [true, false]) {
    const undo = comeFirst((name) => (name === event ? answer : undefined))
    expect(process.emit(event, 1)).toBe(answer)
    undo()
  }
})

test('the method of the process is restored afterwards', () => {
  const undo = comeFirst(() => undefined)
  expect(Object.hasOwn(process, 'emit')).toBe(true)
  undo()
  expect(Object.hasOwn(process, 'emit')).toBe(false)
  expect(process.emit).toBe(EventEmitter.prototype.emit)
})

test('a method that another library had set before is restored', () => {
  const theirs = EventEmitter.prototype.emit.bind(process) as typeof process.emit
  process.emit = theirs
  const undo = comeFirst(() => undefined)
  expect(process.emit).not.toBe(theirs)
  undo()
  expect(process.emit).toBe(theirs)
})

test('a method that another library has set since stays, and podrain gets no more events', () => {
  const heard: unknown[] = []
  const undo = comeFirst((name) => {
    heard.push(name)
    return undefined
  })
  const ours = process.emit as (...args: unknown[]) => boolean
  const theirs = ((...args: unknown[]) => ours(...args)) as typeof process.emit
  process.emit = theirs
  process.emit(event, 1)
  undo()
  expect(process.emit).toBe(theirs)
  process.emit(event, 2)
  expect(heard).toEqual([event])
})
