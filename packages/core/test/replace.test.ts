import { expect, test } from 'vitest'
import { replaceMethod } from '../src/shared/replace.js'

class Greeter {
  greet(...names: unknown[]): string {
    return `hello ${names.join(' and ')}`
  }
}

type Greeting = { greet?: (...names: unknown[]) => unknown }

const louder = (object: object): (() => void) =>
  replaceMethod(
    object,
    'greet',
    (greet) =>
      (...names) =>
        `${greet(...names)}!`,
  )

test('the new method gets the arguments, and can call the original', () => {
  const greeter = new Greeter()
  louder(greeter)
  expect(greeter.greet('you', 'me')).toBe('hello you and me!')
  expect(new Greeter().greet('you')).toBe('hello you')
})

test('an object that inherited the method inherits it again', () => {
  const greeter = new Greeter()
  louder(greeter)()
  expect(Object.getOwnPropertyNames(greeter)).toEqual([])
  expect(greeter.greet('you')).toBe('hello you')
})

test('an object that had a method of its own has it again, as it was', () => {
  const greeter = Object.defineProperty(new Greeter(), 'greet', { value: () => 'own', configurable: true })
  const before = Object.getOwnPropertyDescriptor(greeter, 'greet')
  const restore = louder(greeter)
  expect(greeter.greet()).toBe('own!')
  restore()
  expect(Object.getOwnPropertyDescriptor(greeter, 'greet')).toEqual(before)
})

test('an object without the method has it until it is restored', () => {
  const object: Greeting = {}
  const restore = replaceMethod(object, 'greet', (greet) => () => [greet()])
  expect(object.greet?.()).toEqual([undefined])
  restore()
  expect(object).toEqual({})
})

test('a method that another library has replaced since stays, and calls the original', () => {
  const greeter: Greeting = new Greeter()
  const restore = louder(greeter)
  const { greet } = greeter
  const theirs = (...names: unknown[]): string => `${greet?.apply(greeter, names)} (theirs)`
  greeter.greet = theirs
  expect(greeter.greet('you')).toBe('hello you! (theirs)')
  restore()
  expect(greeter.greet).toBe(theirs)
  expect(greeter.greet('you')).toBe('hello you (theirs)')
})

test('another library can replace the method as before', () => {
  const greeter: Greeting = new Greeter()
  louder(greeter)
  expect(Object.keys(greeter)).toEqual([])
  greeter.greet = () => 'theirs'
  expect(greeter.greet()).toBe('theirs')
})

test('a frozen object keeps its method, and the call throws', () => {
  const greeter = Object.freeze(new Greeter())
  expect(() => louder(greeter)).toThrow(TypeError)
  expect(greeter.greet('you')).toBe('hello you')
})
