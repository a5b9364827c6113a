import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http2'

/** The method of a health check (grpc.health.v1). */
export const healthCheck = '/grpc.health.v1.Health/Check'

/** The names of the status codes; the index is the code. */
const names = [
  ...['OK', 'CANCELLED', 'UNKNOWN', 'INVALID_ARGUMENT', 'DEADLINE_EXCEEDED', 'NOT_FOUND', 'ALREADY_EXISTS'],
  ...['PERMISSION_DENIED', 'RESOURCE_EXHAUSTED', 'FAILED_PRECONDITION', 'ABORTED', 'OUT_OF_RANGE', 'UNIMPLEMENTED'],
  ...['INTERNAL', 'UNAVAILABLE', 'DATA_LOSS', 'UNAUTHENTICATED'],
]

/** The headers of a call. */
export function callHeaders(method: string, userAgent: string): OutgoingHttpHeaders {
  const own = { 'user-agent': userAgent, 'content-type': 'application/grpc', te: 'trailers' }
  return { ':method': 'POST', ':path': method, ':authority': 'localhost', ...own }
}

/** A message as it is sent: a byte 0 for “not compressed”, the length in 4 bytes, and the message. */
export function frame(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(message.length, 1)
  return Buffer.concat([prefix, message])
}

/** The request of a health check. It has one field, a string, so it is encoded here without a library. */
export function healthRequest(service: string): Buffer {
  const name = Buffer.from(service)
  if (name.length === 0) return frame(name)
  const length = name.length < 128 ? [name.length] : [(name.length & 127) | 128, name.length >> 7]
  return frame(Buffer.concat([Buffer.from([0x0a, ...length]), name]))
}

/** The status in the response of a health check. The response has one field, a number, which is left out when it is 0. */
export function healthOf(framed: Buffer): string {
  const [field, value = 0] = framed.subarray(5)
  return ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'][field === 0x08 ? value : 0] ?? `status ${value}`
}

/** The status of a call. The code is undefined when the server sent none. */
export function statusOf(
  headers: IncomingHttpHeaders,
  trailers: IncomingHttpHeaders,
): { code: number | undefined; message: string } {
  const code = trailers['grpc-status'] ?? headers['grpc-status']
  const message = String(trailers['grpc-message'] ?? headers['grpc-message'] ?? '')
  if (code === undefined) return { code: undefined, message }
  return { code: Number(code), message: [names[Number(code)] ?? 'unknown', decoded(message)].join(' ').trim() }
}

/** Decodes a percent-encoded message. A message that is not encoded correctly stays as it is. */
function decoded(message: string): string {
  try {
    return decodeURIComponent(message)
  } catch {
    return message
  }
}
