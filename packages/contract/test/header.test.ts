import { describe, expect, test } from 'vitest'
import { addHeader } from '../src/cli/header.js'

describe('A header of every request', () => {
  test('is added to those that were given before', () => {
    const host = addHeader('Host: shop.example:8443', {})
    expect(addHeader('X-Key:a: b ', host)).toEqual({ host: 'shop.example:8443', 'x-key': 'a: b' })
  })

  test.each(['Connection', 'content-length', 'Transfer-Encoding', 'Upgrade', 'Expect', 'TE', 'Sec-WebSocket-Key'])(
    'cannot be %s, which frames a request',
    (name) => {
      expect(() => addHeader(`${name}: x`, {})).toThrow(
        `The contract writes ${name} itself, as each sentence needs it.`,
      )
    },
  )

  test.each(['Host', 'Host:', ': x', 'X Key: x', 'X: a\r\nY: b', 'X: a\nContent-Length: 3', 'X: \u2713'])(
    'cannot be %j',
    (text) => {
      expect(() => addHeader(text, {})).toThrow('It takes a name and a value in one line')
    },
  )

  test('cannot be given twice', () => {
    expect(() => addHeader('host: b', { host: 'a' })).toThrow('host is given twice.')
  })

  test.each(['a/b', 'a b', 'user@a', 'a:http'])('cannot be the host %s', (host) => {
    expect(() => addHeader(`Host: ${host}`, {})).toThrow('Host takes a name with or without a port')
  })
})
