import { isLeaving, type Phase } from '../front.js'
import type { Vector } from './vector.js'
import { Wire } from './wire.js'

const type = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
  unknown: 0xee,
}
/** Both flags are 1: END_STREAM of DATA and HEADERS, and ACK of SETTINGS and PING. */
const [endStream, ack] = [1, 1]
const endHeaders = 4
const padded = 8

/** The names of error codes (RFC 9113 §7). */
const errors = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
]

const word = (value: number): string => String.fromCharCode(...[24, 16, 8, 0].map((bits) => (value >>> bits) & 255))

/** A frame (RFC 9113 §4.1). */
function frame(kind: keyof typeof type, flags: number, stream: number, payload = ''): string {
  return `${word(payload.length).slice(1)}${String.fromCharCode(type[kind], flags)}${word(stream)}${payload}`
}

/** A parameter of SETTINGS. */
const setting = (id: number, value: number): string => `\0${String.fromCharCode(id)}${word(value)}`

/** Header blocks (RFC 7541). The numbers are indices of the static table. */
const [get, post] = ['\x82\x86\x84\x41\x03pod', '\x83\x86\x84\x41\x03pod']
const literal = (name: string, value: string): string =>
  `\x40${String.fromCharCode(name.length)}${name}${String.fromCharCode(value.length)}${value}`

const marker = 'podrain!'
const preface = `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${frame('SETTINGS', 0, 0)}`
/** A request whose body has not ended. Its open stream keeps the connection open while the drain tells the client to leave. */
const upload = frame('HEADERS', endHeaders, 1, post)
/** The end of the body of that request. */
const end = frame('DATA', endStream, 1, 'abc')
/** A whole request on another stream. */
const more = (stream: number, block = get): string => frame('HEADERS', endHeaders | endStream, stream, block)

const goaway = (code: string): string => `GOAWAY ${code}`
const reset = (stream: number, code: string): string => `RST_STREAM ${stream} ${code}`
const [protocol, size, flow] = ['PROTOCOL_ERROR', 'FRAME_SIZE_ERROR', 'FLOW_CONTROL_ERROR'].map(goaway) as [
  string,
  string,
  string,
]
const answered = '1: 200'

/** Frames after which the server ends the connection with an error. */
const connectionErrors: readonly Vector[] = (
  [
    ['4.2', 'DATA that is longer than a frame may be', frame('DATA', 0, 1, 'x'.repeat(16_385)), size],
    ['5.1', 'DATA on an idle stream', frame('DATA', 0, 5, 'abc'), protocol],
    ['5.1', 'RST_STREAM on an idle stream', frame('RST_STREAM', 0, 5, word(8)), protocol],
    ['5.1', 'WINDOW_UPDATE on an idle stream', frame('WINDOW_UPDATE', 0, 5, word(1)), protocol],
    ['5.1.1', 'a request on a stream with an even number', more(2), protocol],
    ['6.1', 'DATA on stream 0', frame('DATA', 0, 0, 'abc'), protocol],
    ['6.1', 'DATA with more padding than payload', frame('DATA', padded, 1, '\x09abc'), protocol],
    ['6.2', 'HEADERS on stream 0', more(0), protocol],
    ['6.3', 'PRIORITY on stream 0', frame('PRIORITY', 0, 0, `${word(0)}\x10`) + end, protocol],
    ['6.4', 'RST_STREAM on stream 0', frame('RST_STREAM', 0, 0, word(8)), protocol],
    ['6.4', 'RST_STREAM of three bytes', frame('RST_STREAM', 0, 1, '\0\0\x08'), size],
    ['6.5', 'an acknowledgement of SETTINGS with a payload', frame('SETTINGS', ack, 0, setting(2, 0)), size],
    ['6.5', 'SETTINGS on a stream', frame('SETTINGS', 0, 1, setting(2, 0)), protocol],
    ['6.5', 'SETTINGS of three bytes', frame('SETTINGS', 0, 0, '\0\x02\0'), size],
    ['6.5.2', 'ENABLE_PUSH of 2', frame('SETTINGS', 0, 0, setting(2, 2)), protocol],
    ['6.5.2', 'INITIAL_WINDOW_SIZE beyond 31 bits', frame('SETTINGS', 0, 0, setting(4, 0x80000000)), flow],
    ['6.5.2', 'MAX_FRAME_SIZE of 1', frame('SETTINGS', 0, 0, setting(5, 1)), protocol],
    ['6.6', 'PUSH_PROMISE', frame('PUSH_PROMISE', endHeaders, 1, word(2) + get), protocol],
    ['6.7', 'PING on a stream', frame('PING', 0, 1, marker), protocol],
    ['6.7', 'PING of six bytes', frame('PING', 0, 0, 'podrai'), size],
    ['6.8', 'GOAWAY on a stream', frame('GOAWAY', 0, 1, word(0) + word(0)), protocol],
    ['6.9', 'WINDOW_UPDATE of 0 on the connection', frame('WINDOW_UPDATE', 0, 0, word(0)), protocol],
    ['6.9', 'WINDOW_UPDATE of three bytes', frame('WINDOW_UPDATE', 0, 0, '\0\0\x01'), size],
    [
      '6.9.1',
      'a flow-control window of the connection beyond 31 bits',
      frame('WINDOW_UPDATE', 0, 0, word(0x7fffffff)),
      flow,
    ],
    ['6.10', 'CONTINUATION without HEADERS', frame('CONTINUATION', endHeaders, 1, get), protocol],
    ['6.10', 'another frame before CONTINUATION', frame('HEADERS', 0, 3, get) + frame('PING', 0, 0, marker), protocol],
  ] as const
).map(([section, sends, bytes, error]) => ({ section: `RFC 9113 §${section}`, sends, bytes, allowed: [error] }))

/**
 * Valid and malformed frames, sent while the request on stream 1 has not ended. An outcome is the list of responses and errors that come
 * back, without the GOAWAY with which a drain tells the client to leave.
 */
export const vectors: readonly Vector[] = [
  ...connectionErrors,
  {
    section: 'RFC 7541 §2.3.3',
    sends: 'a header whose index is in no table',
    bytes: more(3, `${get}\xff\x00`),
    allowed: [goaway('COMPRESSION_ERROR')],
  },
  { section: 'RFC 9113 §8.1', sends: 'the end of the request', bytes: end, allowed: [answered] },
  {
    section: 'RFC 9113 §5.5',
    sends: 'a frame of an unknown type',
    bytes: frame('unknown', 0, 0, 'abc') + end,
    allowed: [answered],
  },
  {
    section: 'RFC 9113 §6.5.2',
    sends: 'an unknown setting',
    bytes: frame('SETTINGS', 0, 0, setting(0xee, 1)) + end,
    allowed: [`SETTINGS acknowledged, ${answered}`],
  },
  {
    section: 'RFC 9113 §6.7',
    sends: 'an acknowledgement of a PING that was not sent',
    bytes: frame('PING', ack, 0, 'unasked!') + end,
    allowed: [answered],
  },
  {
    section: 'RFC 9113 §6.8',
    sends: 'GOAWAY, and then the end of the request',
    bytes: frame('GOAWAY', 0, 0, word(0) + word(0)) + end,
    allowed: [answered],
  },
  {
    section: 'RFC 9113 §6.4',
    sends: 'RST_STREAM',
    bytes: frame('RST_STREAM', 0, 1, word(8)),
    allowed: [''],
  },
  {
    section: 'RFC 9113 §6.3',
    sends: 'PRIORITY of four bytes',
    bytes: frame('PRIORITY', 0, 1, word(0)),
    allowed: [reset(1, 'FRAME_SIZE_ERROR'), size],
  },
  {
    section: 'RFC 9113 §6.9',
    sends: 'WINDOW_UPDATE of 0 on the stream',
    bytes: frame('WINDOW_UPDATE', 0, 1, word(0)),
    allowed: [reset(1, 'PROTOCOL_ERROR'), protocol],
  },
  {
    section: 'RFC 9113 §6.9.1',
    sends: 'a flow-control window of the stream beyond 31 bits',
    bytes: frame('WINDOW_UPDATE', 0, 1, word(0x7fffffff)),
    allowed: [reset(1, 'FLOW_CONTROL_ERROR'), flow],
  },
  {
    section: 'RFC 9113 §8.1',
    sends: 'trailers',
    bytes: frame('HEADERS', endHeaders | endStream, 1, literal('a', 'b')),
    allowed: [answered],
  },
  {
    section: 'RFC 9113 §8.1',
    sends: 'trailers that do not end the request',
    bytes: frame('HEADERS', endHeaders, 1, literal('a', 'b')),
    allowed: [reset(1, 'PROTOCOL_ERROR'), protocol],
  },
  {
    section: 'RFC 9113 §8.1',
    sends: 'DATA behind the end of the request',
    bytes: end + frame('DATA', 0, 1, 'abc'),
    allowed: [reset(1, 'STREAM_CLOSED'), goaway('STREAM_CLOSED')],
  },
  {
    section: 'RFC 9113 §6.8',
    sends: 'a second request',
    bytes: more(3) + end,
    allowed: [`3: 200, ${answered}`],
    leaving: answered,
  },
  {
    section: 'RFC 9113 §8.2.1',
    sends: 'a second request, with a header name in capitals',
    bytes: more(3, get + literal('A', 'b')) + end,
    allowed: [`${reset(3, 'PROTOCOL_ERROR')}, ${answered}`],
    leaving: answered,
  },
  {
    section: 'RFC 9113 §8.3.1',
    sends: 'a second request, without a path',
    bytes: more(3, '\x82\x86\x41\x03pod') + end,
    allowed: [`${reset(3, 'PROTOCOL_ERROR')}, ${answered}`],
    leaving: answered,
  },
  {
    section: 'RFC 9113 §6.8',
    sends: 'trailers that refer to a header of a second request',
    bytes: more(3, get + literal('a', 'b')) + frame('HEADERS', endHeaders | endStream, 1, '\xbe'),
    allowed: [`3: 200, ${answered}`],
    leaving: answered,
  },
]

interface Frame {
  readonly kind: number
  readonly flags: number
  readonly stream: number
  readonly payload: string
}

/** The complete frames in what was received. */
function framesOf(received: string): Frame[] {
  const bytes = Buffer.from(received, 'latin1')
  const frames: Frame[] = []
  for (let at = 0; at + 9 <= bytes.length; ) {
    const to = at + 9 + bytes.readUIntBE(at, 3)
    if (to > bytes.length) break
    const [kind, flags] = [bytes.readUInt8(at + 3), bytes.readUInt8(at + 4)]
    frames.push({ kind, flags, stream: bytes.readUInt32BE(at + 5), payload: received.slice(at + 9, to) })
    at = to
  }
  return frames
}

const errorAt = (payload: string, at: number): string => {
  const code = Buffer.from(payload, 'latin1').readUInt32BE(at)
  return errors[code] ?? `error ${code}`
}

/** A frame in words, as part of an outcome. It is empty for frames that are no part of it. */
function told({ kind, flags, stream, payload }: Frame): string {
  if (kind === type.HEADERS) return `${stream}: ${payload.startsWith('\x88') ? 200 : 'another status'}`
  if (kind === type.RST_STREAM) return reset(stream, errorAt(payload, 0))
  if (kind === type.SETTINGS && flags === ack) return 'SETTINGS acknowledged'
  if (kind === type.GOAWAY && errorAt(payload, 4) !== 'NO_ERROR') return goaway(errorAt(payload, 4))
  return ''
}

const over = ({ kind, flags, stream }: Frame): boolean =>
  stream === 1 &&
  (kind === type.RST_STREAM || ((kind === type.DATA || kind === type.HEADERS) && (flags & endStream) > 0))

/** Sends a vector on a new connection, after the handshake. @returns The outcome. */
export async function run(port: number, { bytes }: Vector, phase: Phase): Promise<string> {
  const wire = (await Wire.open(port)).send(preface + upload)
  const handshake = (frames: readonly Frame[]): number => {
    const settled = frames.findIndex(({ kind, flags }) => kind === type.SETTINGS && flags === ack)
    const left = isLeaving(phase) ? frames.findIndex(({ kind }) => kind === type.GOAWAY) : 0
    return settled === -1 || left === -1 ? 0 : Math.max(settled, left) + 1
  }
  await wire.until((received) => handshake(framesOf(received)) > 0)
  const before = framesOf(wire.received).length
  wire.send(bytes + frame('PING', 0, 0, marker))
  // The server does not reply to RST_STREAM, so the reply to the PING is the end.
  const isReset = bytes.startsWith(frame('RST_STREAM', 0, 1, word(8)))
  await wire.until((received) => {
    const frames = framesOf(received)
    const alive = frames.some(({ kind, payload }) => kind === type.PING && payload === marker)
    return frames.some((frame) => told(frame).startsWith('GOAWAY')) || (alive && (isReset || frames.some(over)))
  })
  wire.abort()
  return framesOf(wire.received).slice(before).map(told).filter(Boolean).join(', ')
}
