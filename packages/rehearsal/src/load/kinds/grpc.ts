import { constants } from 'node:http2'
import { callHeaders, frame, healthCheck, statusOf } from '../../shared/grpc.js'
import { commonHeaders } from '../exchange.js'
import { type Dialect, Http2Client, http2PerSecond } from '../http2-client.js'
import type { Kind } from '../kind.js'

/**
 * Status codes that count as answers: OK, INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS, FAILED_PRECONDITION, ABORTED, OUT_OF_RANGE.
 * A gRPC library never generates them (except OK), so they come from the app's handler (gRPC's statuscodes.md).
 */
const answers = [0, 3, 5, 6, 9, 10, 11]

// Not a gRPC client library: it retries calls and reconnects by itself, which would hide losses.
const unary: Dialect = {
  headersOf: ({ path, headers }) => ({ ...callHeaders(path, commonHeaders['User-Agent'] ?? ''), ...headers }),
  bodyOf: ({ body }) => frame(typeof body === 'string' ? Buffer.from(body) : (body ?? Buffer.alloc(0))),
  // gRPC proposal A6, “transparent retries”: one retry if the call has reached a server that did not process it.
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
