/** The part of the stream that the last written byte belongs to. */
type Place = 'handshake' | 'length' | 'payload' | 'boundary' | 'unknown'

const close = 8

/**
 * Follows the bytes that a server writes on a connection that may become a WebSocket: the response to the handshake,
 * then frames (RFC 6455 §5.2). The bytes may come in chunks of any size. `open` says whether podrain may write a frame now.
 */
export class WebSocketFrames {
  #place: Place
  /** The response to the handshake, until it is complete. */
  #head = ''
  /** Number of bytes of the extended length that are still missing. -1 before the 7-bit length. */
  #lengthBytes = 0
  #payload = 0
  #closed = false

  /** @param granted Whether the response to the handshake has been written. */
  constructor(granted: boolean) {
    this.#place = granted ? 'boundary' : 'handshake'
  }

  /** Whether another frame may be written now: the last one is complete and was not a close frame. */
  get open(): boolean {
    return this.#place === 'boundary' && !this.#closed
  }

  add(bytes: Uint8Array): void {
    let at = this.#place === 'handshake' ? this.#answer(bytes) : 0
    while (at < bytes.length) {
      if (this.#place === 'unknown') return
      if (this.#place !== 'payload') {
        this.#header(bytes[at++] as number)
        continue
      }
      const length = Math.min(this.#payload, bytes.length - at)
      this.#pay(length)
      at += length
    }
  }

  /** Follows the response to the handshake. Returns the offset at which the frames begin. */
  #answer(bytes: Uint8Array): number {
    const before = this.#head.length
    this.#head += Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
    const end = this.#head.indexOf('\r\n\r\n')
    if (end === -1) return bytes.length
    // A status other than 101 refuses the upgrade, and the connection stays HTTP.
    this.#place = /^HTTP\/1\.\d 101\b/.test(this.#head) ? 'boundary' : 'unknown'
    this.#head = ''
    return end + 4 - before
  }

  /** Follows one byte of a frame's header. */
  #header(byte: number): void {
    if (this.#place === 'boundary') {
      if ((byte & 0x0f) === close) this.#closed = true
      this.#lengthBytes = -1 // the next byte has the 7-bit length
      this.#place = 'length'
    } else if (this.#lengthBytes === -1) {
      this.#lengthBytes = byte === 126 ? 2 : byte === 127 ? 8 : 0
      this.#payload = this.#lengthBytes > 0 ? 0 : byte
      if (byte > 127)
        this.#place = 'unknown' // the mask bit is set, but a server does not mask its frames, so these are no frames
      else if (this.#lengthBytes === 0) this.#announced()
    } else {
      this.#payload = this.#payload * 256 + byte
      if (--this.#lengthBytes === 0) this.#announced()
    }
  }

  #announced(): void {
    this.#place = this.#payload > 0 ? 'payload' : 'boundary'
  }

  #pay(length: number): void {
    this.#payload -= length
    if (this.#payload === 0) this.#place = 'boundary'
  }
}
