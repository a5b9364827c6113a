/** The encoding of a file that is not UTF-8. In an `unknown` one, kubectl reads every byte that is not UTF-8 as U+FFFD. */
export type Encoding = 'utf-16le' | 'utf-16be' | 'unknown'

/** Decodes the bytes of a file. A byte order mark stays as the first character. */
export function textIn(bytes: Buffer): { readonly text: string; readonly encoding?: Encoding } {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return { text: bytes.toString('utf16le'), encoding: 'utf-16le' }
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return { text: swapped(bytes).toString('utf16le'), encoding: 'utf-16be' }
  const text = bytes.toString('utf8')
  // Bytes that are not UTF-8 became U+FFFD. Written back, they would be lost.
  return text.includes('\uFFFD') && !Buffer.from(text).equals(bytes) ? { text, encoding: 'unknown' } : { text }
}

/** Encodes a text in the encoding of its file. @returns undefined if the encoding is `unknown` */
export function bytesOf(text: string, encoding: Encoding | undefined): Buffer | undefined {
  if (encoding === 'unknown') return undefined
  if (encoding === undefined) return Buffer.from(text)
  const bytes = Buffer.from(text, 'utf16le')
  return encoding === 'utf-16le' ? bytes : swapped(bytes)
}

/** The bytes with each pair swapped. */
function swapped(bytes: Buffer): Buffer {
  return Buffer.from(bytes.subarray(0, bytes.length & ~1)).swap16()
}
