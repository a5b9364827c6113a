import { isLeaving, type Phase } from '../front.js'
import type { Vector } from './vector.js'
import { Wire } from './wire.js'

const handshake = [
  'GET / HTTP/1.1',
  'Host: pod',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  '\r\n',
].join('\r\n')

const [continuation, text, binary, close, ping, pong] = [0, 1, 2, 8, 9, 10] as const
const fin = 0x80

/** A frame of a client (RFC 6455 §5.2), with a mask of zeros. */
function frame(opcode: number, payload = '', first = fin): string {
  const { length } = payload
  const extended = length < 126 ? '' : String.fromCharCode(length >> 8, length & 255)
  return `${String.fromCharCode(first | opcode, 0x80 | (extended ? 126 : length))}${extended}\0\0\0\0${payload}`
}
/** A frame that is not the last of its message. */
const part = (opcode: number, payload: string): string => frame(opcode, payload, 0)
const code = (status: number): string => String.fromCharCode(status >> 8, status & 255)

/** The close frame of the client, which ends every vector. */
const bye = frame(close, code(1000))
const closed = (status: number): string => `close ${status}`
const [good, wrong, notText] = [closed(1000), closed(1002), closed(1007)]

const kappa = '\xce\xba' // κ in UTF-8

/** Valid and malformed frames. An outcome is the list of frames that come back. */
export const vectors: readonly Vector[] = (
  [
    ['5.6', 'a text message', frame(text, 'hello'), `text hello, ${good}`],
    ['5.6', 'an empty text message', frame(text), `text , ${good}`],
    ['5.6', 'a text message of 126 bytes', frame(text, 'x'.repeat(126)), `text ${'x'.repeat(126)}, ${good}`],
    ['5.6', 'a binary message', frame(binary, '\xff\0'), `binary \xff\0, ${good}`],
    ['5.5.2', 'a ping', frame(ping), `pong , ${good}`],
    ['5.5.2', 'a ping with a payload', frame(ping, 'a'), `pong a, ${good}`],
    ['5.5.2', 'ten pings', frame(ping, 'a').repeat(10), `${'pong a, '.repeat(10)}${good}`],
    ['5.5', 'a ping of 126 bytes', frame(ping, 'x'.repeat(126)), wrong],
    ['5.5.3', 'a pong without a ping before it', frame(pong, 'a'), good],
    ['5.2', 'a reserved bit', frame(text, 'a', fin | 0x40), wrong],
    ['5.2', 'a reserved bit on a ping', frame(ping, '', fin | 0x10), wrong],
    ['5.2', 'opcode 3', frame(3, 'a'), wrong],
    ['5.2', 'opcode 11', frame(11), wrong],
    ['5.1', 'a frame without a mask', '\x81\x01a', wrong],
    ['5.4', 'a text message in two frames', part(text, 'a') + frame(continuation, 'b'), `text ab, ${good}`],
    [
      '5.4',
      'a ping between two frames of a message',
      part(text, 'a') + frame(ping, 'p') + frame(continuation, 'b'),
      `pong p, text ab, ${good}`,
    ],
    ['5.4', 'a ping in two frames', part(ping, 'a') + frame(continuation, 'b'), wrong],
    ['5.4', 'a continuation frame that continues no message', frame(continuation, 'a'), wrong],
    ['5.4', 'a message inside of another', part(text, 'a') + frame(text, 'b'), wrong],
    [
      '8.1',
      'a character of UTF-8, half of it in each of two frames',
      part(text, '\xce') + frame(continuation, '\xba'),
      `text ${kappa}, ${good}`,
    ],
    ['8.1', 'half a character of UTF-8', frame(text, '\xce'), notText],
    ['8.1', 'a surrogate, which UTF-8 does not allow', frame(text, '\xed\xa0\x80'), notText],
    ['8.1', 'a character beyond Unicode', frame(text, '\xf4\x90\x80\x80'), notText],
    ['8.1', 'a character in more bytes than it needs', frame(text, '\xc0\xaf'), notText],
    ['5.5.1', 'a close frame', '', good],
    ['5.5.1', 'a close frame without a code', frame(close), 'close'],
    ['5.5.1', 'a close frame with a reason', frame(close, `${code(1000)}bye`), 'close 1000 bye'],
    ['5.5.1', 'a close frame of one byte', frame(close, 'a'), wrong],
    ['5.5.1', 'a close frame whose reason is not UTF-8', frame(close, `${code(1000)}\xff`), notText],
    ['5.5.1', 'a text message behind the close frame', bye + frame(text, 'late'), good],
    ['7.4.1', 'a close frame with code 999', frame(close, code(999)), wrong],
    ['7.4.1', 'a close frame with code 1005, which means that there is no code', frame(close, code(1005)), wrong],
    ['7.4.2', 'a close frame with code 3000', frame(close, code(3000)), closed(3000)],
    ['7.4.2', 'a close frame with code 5000', frame(close, code(5000)), wrong],
  ] as const
).map(([section, sends, bytes, outcome]) => ({
  section: `RFC 6455 §${section}`,
  sends,
  bytes: bytes + bye,
  allowed: [outcome],
  leaving: closed(1001),
}))

const names = new Map<number, string>([
  [text, 'text'],
  [binary, 'binary'],
  [close, 'close'],
  [ping, 'ping'],
  [pong, 'pong'],
])

/** The frames of the server, each in words. The server masks no frame and splits no message. */
function outcome(received: string): string {
  const frames: string[] = []
  for (let at = received.indexOf('\r\n\r\n') + 4; at < received.length; ) {
    const [first, short] = [received.charCodeAt(at), received.charCodeAt(at + 1)]
    const from = at + (short === 126 ? 4 : 2)
    const length = short === 126 ? received.charCodeAt(at + 2) * 256 + received.charCodeAt(at + 3) : short
    const payload = received.slice(from, from + length)
    const name = names.get(first - fin) ?? `frame ${first}`
    const status = payload && `${payload.charCodeAt(0) * 256 + payload.charCodeAt(1)} ${payload.slice(2)}`
    frames.push(name === 'close' ? `close ${status}`.trim() : `${name} ${payload}`)
    at = from + length
  }
  return frames.join(', ')
}

/** Sends a vector on a new connection. @returns The outcome. */
export async function run(port: number, { bytes }: Vector, phase: Phase): Promise<string> {
  const welcome = isLeaving(phase) ? `\r\n\r\n\x88\x02${code(1001)}` : '\r\n\r\n'
  const wire = await (await Wire.open(port)).send(handshake).until((received) => received.includes(welcome))
  await wire.send(bytes).closed()
  return outcome(wire.received)
}
