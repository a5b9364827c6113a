/** What has been written last on a WebSocket. */
type Place = 'handshake' | 'length' | 'payload' | 'boundary' | 'unknown'

const close = 8

/**
 * Follows what a server writes on a connection that may become a WebSocket: the answer to the handshake, then frames
 * (RFC 6455 §5.2), in pieces of any size. So it is known when a frame of ours may stand between two others.
 */
export class WebSocketFrames {
  #place: Place
  /** The answer to the handshake, until it is whole. */
  #head = ''
  /** The bytes of the length that are still to come, and the payload that they announce. */
  #lengthBytes = 0
  #payload = 0
  #closed = false

  /** @param granted whether the answer to the handshake has been written */
  constructor(granted: boolean) {
    this.#place = granted ? 'boundary' : 'handshake'
  }

  /** Whether another frame may be written now: all are whole, and none has said that it was the last. */
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

  /** Returns where it ends, and frames begin. */
  #answer(bytes: Uint8Array): number {
    const before = this.#head.length
    this.#head += Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
    const end = this.#head.indexOf('\r\n\r\n')
    if (end === -1) return bytes.length
    // Anything else than 101 is a refusal: it stays HTTP.
    this.#place = /^HTTP\/1\.\d 101\b/.test(this.#head) ? 'boundary' : 'unknown'
    this.#head = ''
    return end + 4 - before
  }

  /** A byte of what stands before the payload. */
  #header(byte: number): void {
    if (this.#place === 'boundary') {
      if ((byte & 0x0f) === close) this.#closed = true
      this.#lengthBytes = -1 // the next byte says how many
      this.#place = 'length'
    } else if (this.#lengthBytes === -1) {
      this.#lengthBytes = byte === 126 ? 2 : byte === 127 ? 8 : 0
      this.#payload = this.#lengthBytes > 0 ? 0 : byte
      if (byte > 127)
        this.#place = 'unknown' // a server does not mask: these are no frames
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
