import { isSuccess } from '../ask.js'
import { commonHeaders } from '../exchange.js'
import { type Dialect, Http2Client, http2PerSecond } from '../http2-client.js'
import type { Kind } from '../kind.js'

const { Host: authority = '', ...headers } = commonHeaders

/** Plain HTTP. RFC 9113 §8.7 allows a retry of any request that was not processed, and sets no limit. */
const plainHttp: Dialect = {
  headersOf: ({ path, method }) => ({ ...headers, ':path': path, ':method': method, ':authority': authority }),
  bodyOf: () => undefined,
  mostRepeats: 4,
  failureOf(ask, { status, isWhole }) {
    if (!isSuccess(ask, status)) return { cause: `status ${status}`, message: '' }
    return isWhole ? undefined : { cause: 'truncated', message: 'the stream ended before the body did' }
  },
}

export const http2: Kind<'http2'> = {
  path: 'http2',
  help: 'GET over HTTP/2, without TLS unless there is --tls',
  count: 4,
  method: 'GET',
  perSecond: http2PerSecond,
  protocol: 'HTTP/2',
  paced: false,
  timed: true,
  create: (spec) => new Http2Client(spec, plainHttp),
}
