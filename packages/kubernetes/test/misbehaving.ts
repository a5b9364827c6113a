import type { ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import type { FakeClock, Misbehaviour } from './support.js'
import { recording } from './support.js'

/** Changes the API's response before it is sent. */
function rewrite(response: ServerResponse, change: (text: string, send: (text: string) => void) => void): false {
  const [write, end] = [response.write.bind(response), response.end.bind(response)]
  response.write = ((text: string) => change(text, (changed) => void write(changed))) as typeof response.write
  response.end = ((text?: string) => {
    if (text === undefined) return end()
    let held = true
    change(text, (changed) => {
      held = false
      end(changed)
    })
    if (held) response.flushHeaders()
    return response
  }) as typeof response.end
  return false
}

function status(code: number, headers: Record<string, string> = {}): (clock: FakeClock) => Misbehaviour {
  return () => (_call, response) => {
    const body = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: `no: ${code}`, code }
    response.writeHead(code, headers).end(JSON.stringify(body))
    return true
  }
}

function answers(body: string): (clock: FakeClock) => Misbehaviour {
  return () => (_call, response) => {
    response.end(body)
    return true
  }
}

const tooLong = gzipSync(' '.repeat(17 * 2 ** 20))

/** Faults of an API, or of a proxy between the API and the pod. */
export const faults = {
  none: () => () => false,
  'hangs up': () => (_call, _response, request) => {
    request.socket.destroy()
    return true
  },
  'never answers': () => () => true,
  'sends headers and nothing else': () => (_call, response) => {
    response.flushHeaders()
    return true
  },
  '401': status(401),
  '403': status(403),
  '404': status(404),
  '429': status(429, { 'retry-after': '1' }),
  '429, of no header': status(429),
  '429, come back in an hour': status(429, { 'retry-after': '3600' }),
  '500': status(500),
  '503, of a proxy': () => (_call, response) => {
    response.writeHead(503, { 'content-type': 'text/html' }).end('<h1>Service Unavailable</h1>')
    return true
  },
  'redirects to itself': status(302, { location: '/' }),
  gone: () => (call, response) => {
    if (call.verb === 'watch') response.end(recording('watch-too-old').body)
    else response.writeHead(410).end('{"kind":"Status","code":410,"message":"continue token expired"}')
    return true
  },
  'an error event': answers(
    '{"type":"ERROR","object":{"kind":"Status","code":500,"message":"etcdserver: leader changed"}}\n',
  ),
  'an empty answer': answers(''),
  'an HTML page': answers('<html><body>Sign in</body></html>'),
  null: answers('null\n'),
  'an empty list': answers('{"kind":"List","metadata":{"resourceVersion":"6000"},"items":[]}\n'),
  'a list of nothing': answers(
    '{"kind":"List","metadata":{"resourceVersion":"6000"},"items":[null,1,{},{"metadata":null}]}\n',
  ),
  'half a line, and hangs up': () => (_call, response, request) =>
    rewrite(response, (text, send) => {
      send(text.slice(0, text.length / 2))
      request.socket.destroy()
    }),
  'half of a compressed answer, and hangs up': () => (call, response, request) => {
    if (call.verb === 'watch') return false
    const packed = gzipSync('{"kind":"List","metadata":{"resourceVersion":"6000"},"items":[]}')
    response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': packed.length })
    response.write(packed.subarray(0, packed.length / 2), () => request.socket.destroy())
    return true
  },
  'a compressed answer that ends in the middle': () => (call, response) => {
    if (call.verb === 'watch') return false
    response.setHeader('content-encoding', 'gzip')
    response.end(gzipSync('{"kind":"List","metadata":{"resourceVersion":"6000"},"items":[]}').subarray(0, 30))
    return true
  },
  'closes all watches': () => (call, response, request) => {
    if (call.verb === 'watch') setImmediate(() => request.socket.destroy())
    response.flushHeaders()
    return call.verb === 'watch'
  },
  'no permission for Services': () => (call, response) => {
    if (call.kind === 'services') response.writeHead(403).end('{"kind":"Status","code":403,"message":"no"}')
    return call.kind === 'services'
  },
  'an answer that is too long': () => (call, response) => {
    if (call.verb !== 'list') return false
    response.setHeader('content-encoding', 'gzip')
    response.end(tooLong)
    return true
  },
  'half a line, and hangs': () => (_call, response) => {
    let done = false
    return rewrite(response, (text, send) => {
      if (!done) send(text.slice(0, text.length / 2))
      done = true
    })
  },
  'a list of what was there at the beginning': () => (call, response) => {
    if (call.verb === 'list' && call.kind !== 'services')
      response.end(recording(call.kind === 'pods' ? 'list-pods' : 'list-endpointslices').body)
    return call.verb === 'list'
  },
  'a line that is no JSON': () => (_call, response) =>
    rewrite(response, (text, send) => send(`${text.slice(1, -2)}\n`)),
  'events it does not know': () => (_call, response) =>
    rewrite(response, (text, send) => send(`{"type":"SURPRISE","object":{"metadata":{}}}\n\n${text}`)),
  'everything twice': () => (call, response) =>
    rewrite(response, (text, send) => send(call.verb === 'watch' ? text + text : text)),
  'byte by byte': () => (_call, response) => {
    let last = Promise.resolve()
    const [write, end] = [response.write.bind(response), response.end.bind(response)]
    const trickle = (text: string): void => {
      for (let at = 0; at < text.length; at += 1500) {
        last = last.then(() => new Promise((resolve) => write(text.slice(at, at + 1500), () => resolve())))
      }
    }
    response.write = ((text: string) => trickle(text)) as unknown as typeof response.write
    response.end = ((text?: string) => {
      if (text !== undefined) trickle(text)
      void last.then(() => end())
      return response
    }) as typeof response.end
    return false
  },
  'two seconds late': (clock) => (_call, response) =>
    rewrite(response, (text, send) => void clock.after(2000, () => response.destroyed || send(text))),
  'ten seconds late': (clock) => (_call, response) =>
    rewrite(response, (text, send) => void clock.after(10_000, () => response.destroyed || send(text))),
  'ends the watch at once': () => (call, response) => {
    if (call.verb === 'watch') response.end()
    return call.verb === 'watch'
  },
  'ends the watch soon': (clock) => (call, response) => {
    if (call.verb === 'watch') clock.after(1200, () => response.end())
    return false
  },
  'no date': () => (_call, response) => {
    response.sendDate = false
    response.removeHeader('date')
    return false
  },
  'a clock that is 15 s fast': () => (_call, response) => {
    response.setHeader('date', new Date(Date.parse(String(response.getHeader('date'))) + 15_000).toUTCString())
    return false
  },
  'a clock that is a day slow': () => (_call, response) => {
    response.setHeader('date', new Date(Date.parse(String(response.getHeader('date'))) - 86_400_000).toUTCString())
    return false
  },
} satisfies Record<string, (clock: FakeClock) => Misbehaviour>

export type Fault = keyof typeof faults

export const faultNames = Object.keys(faults) as Fault[]
