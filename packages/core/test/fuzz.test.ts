import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ask, Client, serve } from './support.js'

/** The number of connections. `TEST_STRANGERS=100000` tries more. */
const strangers = Number(process.env.TEST_STRANGERS ?? 1000)

const method = fc.oneof(
  { weight: 4, arbitrary: fc.constant('GET') },
  fc.constantFrom('HEAD', 'POST', 'PUT', 'OPTIONS', 'DELETE', 'TRACE', 'get', 'G E T', ''),
)
const path = fc.oneof(
  fc.constantFrom('/prestop', '/prestop/', '/prestop?', '/prestop?a=b', '/drainz', '/readyz', '/livez', '/'),
  fc.constantFrom(
    '//prestop',
    '/PRESTOP',
    '/%70restop',
    '/x/../prestop',
    '/prestop#',
    'http://pod/prestop',
    '*',
    '/prestop%00',
  ),
  fc.webPath(),
)
const header = fc.oneof(
  fc.constantFrom(
    'Host: pod',
    'Connection: close',
    'Connection: keep-alive',
    'Connection: Upgrade',
    'Upgrade: websocket',
  ),
  fc.constantFrom(
    'Authorization: Bearer',
    'Authorization: Bearer secre',
    'authorization: Basic secret',
    'Authorization: secret',
  ),
  fc.constantFrom('Content-Length: 0', 'Content-Length: 4', 'Transfer-Encoding: chunked', 'Expect: 100-continue'),
  fc.constantFrom('User-Agent: kube-lifecycle/1.34', 'User-Agent: kube-probe/1.34', 'X-Forwarded-For: 203.0.113.7'),
  fc.tuple(fc.string({ maxLength: 20 }), fc.string({ maxLength: 40 })).map(([name, value]) => `${name}: ${value}`),
)
const body = fc.oneof(
  fc.constant(''),
  fc.constant('body'),
  fc.constant('4\r\nbody\r\n0\r\n\r\n'),
  fc.string({ maxLength: 50 }),
)
const request = fc
  .tuple(method, path, fc.array(header, { maxLength: 6 }), body)
  .map(([method, path, headers, body]) => `${[`${method} ${path} HTTP/1.1`, ...headers].join('\r\n')}\r\n\r\n${body}`)
/** One or several requests on a connection, and sometimes only the beginning of one. */
const bytes = fc
  .tuple(fc.array(request, { minLength: 1, maxLength: 4 }), fc.option(fc.nat(200), { freq: 4 }))
  .map(([requests, cut]) => (cut === null ? requests.join('') : requests.join('').slice(0, cut)))

test(`whatever a stranger sends, nothing drains, leaks or breaks: ${strangers} connections`, {
  timeout: 600_000,
}, async () => {
  const { drain, port } = await serve((_request, response) => void response.writeHead(404).end('nothing here'), {
    token: 'secret',
  })
  await fc.assert(
    fc.asyncProperty(bytes, async (text) => {
      const client = await Client.open(port)
      client.send(text)
      // This request follows, and gets a response if the connection is still usable.
      expect(await ask(port, '/livez')).toMatchObject({ status: 200 })
      client.abort()
      expect(drain.state).toBe('serving')
      expect(client.received).not.toMatch(/"budgetMs"/)
    }),
    { numRuns: strangers },
  )
  await expect.poll(() => drain.inFlight).toBe(0)
  expect(await drain.start()).toMatchObject({ clean: true, cut: [] })
})
