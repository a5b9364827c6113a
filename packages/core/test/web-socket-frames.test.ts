import fc from 'fast-check'
import { expect, test } from 'vitest'
import { WebSocketFrames } from '../src/http/web-socket-frames.js'

const head = Buffer.from('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n')

/** A frame of a server, with its length in the shortest form. */
function frame(opcode: number, length: number): Buffer {
  const lengthBytes = length < 126 ? [length] : length < 65_536 ? [126, length >> 8, length & 0xff] : undefined
  const long = Buffer.alloc(9)
  long[0] = 127
  long.writeBigUInt64BE(BigInt(length), 1)
  return Buffer.concat([
    Buffer.from([0x80 | opcode]),
    lengthBytes ? Buffer.from(lengthBytes) : long,
    Buffer.alloc(length, 0x88),
  ])
}

test('another frame is allowed exactly between two frames, wherever the bytes are cut', () => {
  const frames = fc.array(
    fc.tuple(fc.constantFrom(0, 1, 2, 9, 10), fc.oneof(fc.nat(130), fc.constantFrom(125, 126, 65_535, 65_536, 70_000))),
    { maxLength: 6 },
  )
  fc.assert(
    fc.property(frames, fc.array(fc.nat(80_000), { maxLength: 20 }), (written, cuts) => {
      const pieces = written.map(([opcode, length]) => frame(opcode, length))
      const all = Buffer.concat([head, ...pieces])
      const boundaries = new Set([head.length])
      for (const piece of pieces) boundaries.add(Math.max(...boundaries) + piece.length)
      const places = [...new Set([...cuts.filter((cut) => cut < all.length), ...boundaries])].sort((a, b) => a - b)
      const seen = new WebSocketFrames(false)
      let from = 0
      for (const to of places) {
        seen.add(all.subarray(from, to))
        expect([to, seen.open]).toEqual([to, boundaries.has(to)])
        from = to
      }
    }),
    { numRuns: 200 },
  )
})

test('no frame is allowed within a frame, even if that began in one piece with the end of the handshake', () => {
  const seen = new WebSocketFrames(false)
  const text = frame(1, 5)
  seen.add(head.subarray(0, 10))
  seen.add(Buffer.concat([head.subarray(10), text.subarray(0, 4)]))
  expect(seen.open).toBe(false)
  seen.add(text.subarray(4))
  expect(seen.open).toBe(true)
})

test('no frame is allowed behind a close frame, nor in bytes that are not frames of a server', () => {
  for (const bytes of [frame(8, 2), Buffer.from([0x82, 0x81, 1, 2, 3, 4, 5])]) {
    const seen = new WebSocketFrames(true)
    expect(seen.open).toBe(true)
    seen.add(bytes)
    expect(seen.open).toBe(false)
  }
})
