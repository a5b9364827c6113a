/** What a file is written in, if it is not UTF-8. Of an `unknown` one kubectl reads U+FFFD for every byte that is no UTF-8. */
export type Encoding = 'utf-16le' | 'utf-16be' | 'unknown'

/** The text in the bytes of a file. A byte order mark stays in it, as its first character. */
export function textIn(bytes: Buffer): { readonly text: string; readonly encoding?: Encoding } {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return { text: bytes.toString('utf16le'), encoding: 'utf-16le' }
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return { text: swapped(bytes).toString('utf16le'), encoding: 'utf-16be' }
  const text = bytes.toString('utf8')
  // What could not be read became U+FFFD, and would be written as that.
  return text.includes('\uFFFD') && !Buffer.from(text).equals(bytes) ? { text, encoding: 'unknown' } : { text }
}

/** The same text as it was written; undefined where that is not known. */
export function bytesOf(text: string, encoding: Encoding | undefined): Buffer | undefined {
  if (encoding === 'unknown') return undefined
  if (encoding === undefined) return Buffer.from(text)
  const bytes = Buffer.from(text, 'utf16le')
  return encoding === 'utf-16le' ? bytes : swapped(bytes)
}

/** With the bytes of each character the other way round. */
function swapped(bytes: Buffer): Buffer {
  return Buffer.from(bytes.subarray(0, bytes.length & ~1)).swap16()
}
