import { describe, expect, test, vi } from 'vitest'
import { writesNothing } from '../src/shared/silent.js'

const write = (message: string): void => console.log(message)
const noop = (): void => {}

class Silent {
  info(_message: string): void {}
  error(_message: string): void {}
}

class Writing {
  info(): void {}
  error(message: string): void {
    console.log(message)
  }
}

describe('a logger that writes nothing is recognised', () => {
  test.each([
    ['one function that does nothing for all levels, as of pino', { info: noop, error: noop }],
    ['functions that do nothing', { info() {}, error() {} }],
    ['arrow functions that do nothing', { info: () => {}, error: () => {} }],
    ['asynchronous functions that do nothing', { info: async () => {}, error: async (_message: string) => {} }],
    [
      'functions that return nothing',
      {
        info: write,
        error() {
          return undefined
        },
      },
    ],
    ['a class whose methods do nothing', new Silent()],
    ['whatever it is asked for does nothing', new Proxy({}, { get: () => () => {} })],
    ['the property of winston', { info: write, error: noop, silent: true }],
    ['the transports of winston', { info: write, error: console.error, transports: [{ silent: true }] }],
    ['winston without a transport', { info: write, error: console.error, transports: [] }],
    ['the level of bunyan', { info: write, error: console.error, level: () => 60 }],
    ['bunyan without a stream', { info: write, error: console.error, level: () => Number.POSITIVE_INFINITY }],
    ['the level of log4js', { info: write, error: console.error, isErrorEnabled: () => false }],
  ])('by %s', (_sign, logger) => {
    expect(writesNothing(logger)).toBe(true)
  })

  test('even if it has been silenced later', () => {
    const logger = { info: write, error: console.error, silent: false }
    expect(writesNothing(logger)).toBe(false)
    logger.silent = true
    expect(writesNothing(logger)).toBe(true)
  })
})

test.each([
  ['console', console],
  ['a class', new Writing()],
  ['a mock', { info: vi.fn(), error: vi.fn() }],
  ['bound functions', { info: noop, error: console.error.bind(console) }],
  ['winston', { info: write, error: console.error, silent: false, transports: [{ silent: true }, {}] }],
  ['pino', { info: write, error: console.error, level: 'error' }],
  ['bunyan', { info: write, error: console.error, level: () => 50 }],
  ['log4js', { info: write, error: console.error, isErrorEnabled: () => true }],
  [
    'one that fails to say it',
    {
      info: write,
      error: console.error,
      level() {
        throw new Error('no stream')
      },
    },
  ],
])('a logger that writes does not count as silent: %s', (_name, logger) => {
  expect(writesNothing(logger)).toBe(false)
})

test.each(['(m)=>lines.push(m)&&undefined', 'm=>void 0!==m&&lines.push(m)', '({})=>lines.push(1)'])(
  'a function with one short expression does not count as empty: %s',
  (text) => {
    const tight = Function('lines', `return ${text}`)([])
    expect(writesNothing({ info: write, error: tight })).toBe(false)
  },
)
