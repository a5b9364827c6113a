import type { Vector } from './vector.js'
import { Wire } from './wire.js'

/** A request behind each vector. Its response ends the connection, unless the server has ended it before. */
const last = 'GET /last HTTP/1.1\r\nHost: pod\r\nConnection: close\r\n\r\n'

const lines = (...lines: string[]): string => `${lines.join('\r\n')}\r\n\r\n`
const get = (...headers: string[]): string => lines('GET / HTTP/1.1', 'Host: pod', ...headers)
const post = (...headers: string[]): string => lines('POST / HTTP/1.1', 'Host: pod', ...headers)

const [refused, got, posted] = ['400', '200 GET / ""', '200 POST / "abc"']

/**
 * Valid requests, malformed requests, and requests that two programs read differently, as request smuggling needs them. An outcome is the
 * list of statuses that came back, with the body after a 200.
 */
export const vectors: readonly Vector[] = [
  { section: 'RFC 9112 §3', sends: 'a request', bytes: get(), allowed: [got] },
  { section: 'RFC 9112 §2.2', sends: 'an empty line before the request', bytes: `\r\n${get()}`, allowed: [got] },
  {
    section: 'RFC 9112 §2.2',
    sends: 'lines that end in LF alone',
    bytes: 'GET / HTTP/1.1\nHost: pod\n\n',
    allowed: [refused, got],
  },
  {
    section: 'RFC 9112 §2.2',
    sends: 'white space before the first header',
    bytes: lines('GET / HTTP/1.1', ' Host: pod'),
    allowed: [refused],
  },
  {
    section: 'RFC 9112 §2.3',
    sends: 'an HTTP version that does not exist',
    bytes: lines('GET / HTTP/9.9', 'Host: pod'),
    allowed: [refused, '505'],
  },
  {
    section: 'RFC 9112 §3',
    sends: 'a request line without a path',
    bytes: lines('GET', 'Host: pod'),
    allowed: [refused],
  },
  {
    section: 'RFC 9112 §3',
    sends: 'a method in lower case',
    bytes: lines('get / HTTP/1.1', 'Host: pod'),
    allowed: [refused, '501'],
  },
  {
    section: 'RFC 9112 §3.2',
    sends: 'no Host header',
    bytes: lines('GET / HTTP/1.1', 'Accept: */*'),
    allowed: [refused],
  },
  { section: 'RFC 9112 §3.2', sends: 'two Host headers', bytes: get('Host: other'), allowed: [refused] },
  {
    section: 'RFC 9112 §3.2.2',
    sends: 'a whole URL in place of a path',
    bytes: lines('GET http://pod/ HTTP/1.1', 'Host: pod'),
    allowed: ['200 GET http://pod/ ""'],
  },
  {
    section: 'RFC 9112 §3.2.4',
    sends: 'OPTIONS *',
    bytes: lines('OPTIONS * HTTP/1.1', 'Host: pod'),
    allowed: ['200 OPTIONS * ""'],
  },
  {
    section: 'RFC 9112 §5.1',
    sends: 'a space before the colon of a header',
    bytes: post('Content-Length : 3').concat('abc'),
    allowed: [refused],
  },
  { section: 'RFC 9112 §5', sends: 'a header with a zero byte', bytes: get('A: b\0c'), allowed: [refused] },
  { section: 'RFC 9112 §5', sends: 'a header without a colon', bytes: get('Nothing'), allowed: [refused] },
  { section: 'RFC 9112 §5.2', sends: 'a folded header', bytes: get('A: b', ' c'), allowed: [refused, got] },
  {
    section: 'RFC 6585 §5',
    sends: 'a header of 40 kB',
    bytes: get(`A: ${'x'.repeat(40_000)}`),
    allowed: ['431'],
  },
  { section: 'RFC 9112 §6.2', sends: 'a body', bytes: `${post('Content-Length: 3')}abc`, allowed: [posted] },
  {
    section: 'RFC 9112 §6.2',
    sends: 'a GET with a body',
    bytes: `${get('Content-Length: 3')}abc`,
    allowed: ['200 GET / "abc"'],
  },
  ...['abc', '-3', '+3', '0x3', '3 3', '', '3, 4', '99999999999999999999999'].map((length) => ({
    section: 'RFC 9112 §6.3',
    sends: `Content-Length: ${length || 'nothing'}`,
    bytes: `${post(`Content-Length: ${length}`)}abc`,
    allowed: [refused],
  })),
  {
    section: 'RFC 9112 §6.3',
    sends: 'two Content-Length headers that differ',
    bytes: `${post('Content-Length: 3', 'Content-Length: 4')}abc`,
    allowed: [refused],
  },
  {
    section: 'RFC 9112 §6.3',
    sends: 'the same Content-Length twice',
    bytes: `${post('Content-Length: 3', 'Content-Length: 3')}abc`,
    allowed: [refused, posted],
  },
  {
    section: 'RFC 9112 §6.1',
    sends: 'Content-Length, and then Transfer-Encoding: chunked',
    bytes: `${post('Content-Length: 3', 'Transfer-Encoding: chunked')}3\r\nabc\r\n0\r\n\r\n`,
    allowed: [refused],
  },
  {
    section: 'RFC 9112 §6.1',
    sends: 'Transfer-Encoding: chunked, and then Content-Length',
    bytes: `${post('Transfer-Encoding: chunked', 'Content-Length: 3')}3\r\nabc\r\n0\r\n\r\n`,
    allowed: [refused],
  },
  ...['chunked, identity', 'xchunked', 'chunked, chunked'].map((coding) => ({
    section: 'RFC 9112 §6.1',
    sends: `Transfer-Encoding: ${coding}`,
    bytes: `${post(`Transfer-Encoding: ${coding}`)}3\r\nabc\r\n0\r\n\r\n`,
    allowed: [refused, '501'],
  })),
  ...[
    ['chunks', '3\r\nabc\r\n0\r\n\r\n'],
    ['chunks with an extension', '1;a=b\r\na\r\n2;c="d e"\r\nbc\r\n0;f\r\n\r\n'],
    ['chunks and a trailer', '3\r\nabc\r\n0\r\nA: b\r\n\r\n'],
    ['a chunk size with leading zeros', '0003\r\nabc\r\n0\r\n\r\n'],
  ].map(([sends, body]) => ({
    section: 'RFC 9112 §7.1',
    sends: String(sends),
    bytes: post('Transfer-Encoding: chunked') + body,
    allowed: [posted],
  })),
  ...[
    ['a chunk size that is no number', 'G\r\nabc\r\n0\r\n\r\n'],
    ['a chunk size beyond 64 bits', 'FFFFFFFFFFFFFFFFF\r\nabc\r\n0\r\n\r\n'],
    ['a chunk that is longer than its size says', '2\r\nabc\r\n0\r\n\r\n'],
    ['a chunk size that ends in LF alone', '3\nabc\r\n0\r\n\r\n'],
  ].map(([sends, body]) => ({
    section: 'RFC 9112 §7.1',
    sends: String(sends),
    bytes: post('Transfer-Encoding: chunked') + body,
    allowed: [refused],
  })),
  {
    section: 'RFC 9112 §9.3.2',
    sends: 'three requests at once',
    bytes: get() + get() + get(),
    allowed: [[got, got, got].join(', ')],
  },
  {
    section: 'RFC 9112 §9.3.2',
    sends: 'three requests with bodies at once',
    bytes: `${post('Content-Length: 3')}abc`.repeat(3),
    allowed: [[posted, posted, posted].join(', ')],
  },
  {
    section: 'RFC 9112 §9.3.2',
    sends: 'two requests with chunked bodies at once',
    bytes: `${post('Transfer-Encoding: chunked')}3\r\nabc\r\n0\r\n\r\n`.repeat(2),
    allowed: [[posted, posted].join(', ')],
  },
  {
    section: 'RFC 9112 §9.3.2',
    sends: 'a request, and a malformed one behind it',
    bytes: get() + get('Nothing'),
    allowed: [`${got}, ${refused}`],
  },
  {
    section: 'RFC 9112 §6.3',
    sends: 'a body that is longer than its Content-Length',
    bytes: `${post('Content-Length: 3')}abcabc\r\n\r\n`,
    allowed: [`${posted}, ${refused}`],
  },
  {
    section: 'RFC 9112 §9.6',
    sends: 'a request behind one with `Connection: close`',
    bytes: get('Connection: close') + get(),
    allowed: [got],
  },
  {
    section: 'RFC 9112 §9.3',
    sends: 'HTTP/1.0',
    bytes: lines('GET / HTTP/1.0'),
    allowed: [got],
  },
  {
    section: 'RFC 9110 §9.3.2',
    sends: 'HEAD',
    bytes: lines('HEAD / HTTP/1.1', 'Host: pod'),
    allowed: ['200'],
  },
  {
    section: 'RFC 9110 §10.1.1',
    sends: 'Expect: 100-continue, and the body',
    bytes: `${post('Content-Length: 3', 'Expect: 100-continue')}abc`,
    allowed: [`100, ${posted}`, posted],
  },
  {
    section: 'RFC 9110 §10.1.1',
    sends: 'Expect with another value',
    bytes: get('Expect: everything'),
    allowed: ['417', got],
  },
  {
    section: 'RFC 9110 §7.8',
    sends: 'an upgrade to an unknown protocol',
    bytes: get('Connection: Upgrade', 'Upgrade: unknown'),
    allowed: [got],
  },
  {
    section: 'RFC 9110 §7.8',
    sends: 'an upgrade to HTTP/2, with a body',
    bytes: `${post('Connection: Upgrade', 'Upgrade: h2c', 'Content-Length: 3')}abc`,
    allowed: [posted],
  },
  {
    section: 'RFC 9110 §9.3.6',
    sends: 'CONNECT to a server that is no proxy',
    bytes: lines('CONNECT pod:80 HTTP/1.1', 'Host: pod:80'),
    allowed: ['', '405', '501'],
  },
  {
    section: 'RFC 9112 §8',
    sends: 'half a body, and then the end of the connection',
    bytes: `${post('Content-Length: 1000')}abc`,
    ends: true,
    allowed: ['', refused],
  },
]

/** The outcome in what was received. The response to `last` is not part of it. */
function outcome(received: string): string {
  const responses = received.split(/(?=HTTP\/1\.1 \d{3} )/).filter((text) => text !== '')
  return responses
    .map((response) => {
      const status = response.slice(9, 12)
      const body = response.slice(response.indexOf('\r\n\r\n') + 4).replace(/^[\da-f]+\r\n|\r\n0\r\n\r\n$/g, '')
      return status === '200' && body !== '' ? `200 ${body}` : status
    })
    .filter((text) => !text.includes('/last'))
    .join(', ')
}

/** Sends a vector on a new connection. @returns The outcome. */
export async function run(port: number, { bytes, ends }: Vector): Promise<string> {
  const wire = (await Wire.open(port)).send(bytes)
  if (ends) wire.end()
  await wire.until((received) => outcome(received).replace('100', '') !== '')
  await wire.send(last).closed()
  return outcome(wire.received)
}
