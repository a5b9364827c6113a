import childProcess from 'node:child_process'
import { describe, expect, test, vi } from 'vitest'
import { parseRequests } from '../src/requests-file.js'

describe('a file of requests', () => {
  test('is checked without a process being started', () => {
    const start = vi.spyOn(childProcess, 'spawnSync')
    parseRequests('- path: /orders', 'requests.yaml')
    expect(start).not.toHaveBeenCalled()
    start.mockRestore()
  })

  test('is a list of what to ask', () => {
    const requests = parseRequests(
      `# what our clients do
- path: /orders
  weight: 8
- method: POST
  path: /orders
  headers: { content-type: application/json }
  body: '{"item":1}'
  status: [200, 201]
`,
      'requests.yaml',
    )
    expect(requests).toEqual([
      { path: '/orders', weight: 8 },
      {
        method: 'POST',
        path: '/orders',
        headers: { 'content-type': 'application/json' },
        body: '{"item":1}',
        status: [200, 201],
      },
    ])
  })

  test.for<[what: string, text: string, message: string | RegExp]>([
    ['nothing', '', /^f\.yaml:1:1: Expected the file to be a list of requests/],
    ['no list', 'path: /work\n', /^f\.yaml:1:1: Expected the file to be a list of requests/],
    [
      'an item that is no request',
      '- path: /\n- /work\n',
      /^f\.yaml:2:3: Expected a request to be an object, got `"\/work"`/,
    ],
    [
      'a request without path',
      '- path: /\n- method: GET\n',
      /^f\.yaml:2:3: Expected `path` to be a path .*, got `undefined`/,
    ],
    [
      'a path that is none',
      '- path: work\n',
      /^f\.yaml:1:9: Expected `path` to be a path that begins with \/.*, got `"work"`/,
    ],
    [
      'a method in small letters',
      '- path: /\n  method: post\n',
      /^f\.yaml:2:11: Expected `method` to be a method in capitals/,
    ],
    [
      'a number for a header',
      '- path: /\n  headers:\n    x-id: 7\n',
      /^f\.yaml:3:11: Expected `headers.x-id` to be a string, got `7`/,
    ],
    ['a body of a GET', '- path: /\n  body: x\n', /^f\.yaml:2:9: Expected `body` to be left out of a GET/],
    ['a weight of nothing', '- path: /\n  weight: 0\n', /^f\.yaml:2:11: Expected `weight` to be a number/],
    [
      'one wrong status of two',
      '- path: /\n  status: [200, 999]\n',
      /^f\.yaml:2:11: Expected `status` to be a whole number from 200 to 599, got `999`/,
    ],
    ['a misspelt key', '- path: /\n  staus: 200\n', /^f\.yaml:2:3: Unknown key `staus`; expected one of method, path,/],
    ['a key that is there twice', '- path: /\n  path: /b\n', /^f\.yaml:2:3: Map keys must be unique/],
    ['what is no YAML', '- path: "/\n', /^f\.yaml:\d+:\d+: Missing closing "quote/],
  ])('with %s says where it is wrong', ([, text, message]) => {
    expect(() => parseRequests(text, 'f.yaml')).toThrow(message)
  })
})
