import { constants } from 'node:http2'
import { callHeaders, frame, healthCheck, statusOf } from '../../shared/grpc.js'
import { commonHeaders } from '../exchange.js'
import { type Dialect, Http2Client, http2PerSecond } from '../http2-client.js'
import type { Kind } from '../kind.js'

/**
 * What the library of a server never says by itself, and so a handler has (statuscodes.md of gRPC): OK, INVALID_ARGUMENT,
 * NOT_FOUND, ALREADY_EXISTS, FAILED_PRECONDITION, ABORTED, OUT_OF_RANGE. Such a call was answered, as what was asked deserved.
 */
const answers = [0, 3, 5, 6, 9, 10, 11]

// By hand, as a client of a library hides what is to be seen: it repeats calls and connects again by itself.
const unary: Dialect = {
  headersOf: ({ path, headers }) => ({ ...callHeaders(path, commonHeaders['User-Agent'] ?? ''), ...headers }),
  bodyOf: ({ body }) => frame(typeof body === 'string' ? Buffer.from(body) : (body ?? Buffer.alloc(0))),
  // Proposal A6 of gRPC, “transparent retries”: once, if a server has seen it.
  mostRepeats: 1,
  failureOf(_ask, { status, headers, trailers }) {
    if (status !== constants.HTTP_STATUS_OK) return { cause: `status ${status}`, message: '' }
    const { code, message } = statusOf(headers, trailers)
    if (code === undefined) return { cause: 'truncated', message: 'the call ended without a grpc-status' }
    return answers.includes(code) ? undefined : { cause: `grpc-status ${code}`, message }
  },
}

export const grpc: Kind<'grpc'> = {
  path: 'grpc',
  help: "unary gRPC call; by itself, of the server's health",
  usual: healthCheck,
  count: 4,
  method: 'POST',
  perSecond: http2PerSecond,
  protocol: 'HTTP/2',
  paced: false,
  timed: true,
  create: (spec) => new Http2Client(spec, unary),
}
