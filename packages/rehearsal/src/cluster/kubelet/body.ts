import type { Readable } from 'node:stream'

/** Bytes that the kubelet reads of a response body (`maxRespBodyLength` in its source). */
const limit = 10 * 1024

/** Reads a body as far as the kubelet does. Never rejects: a body that is cut short counts as read. `length` is its Content-Length. */
export function readBody(stream: Readable, length: number): Promise<Buffer> {
  return new Promise((resolve) => {
    const pieces: Buffer[] = []
    let read = 0
    const done = () => resolve(Buffer.concat(pieces))
    stream.on('error', done).once('close', done)
    if (length > limit) return void stream.destroy()
    stream.on('data', (piece: Buffer) => {
      pieces.push(piece)
      read += piece.length
      if (read > limit) stream.destroy()
    })
  })
}
