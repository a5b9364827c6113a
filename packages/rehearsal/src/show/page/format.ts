/** A duration in ms as seconds, such as `1.25 s`. */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(Math.abs(ms) < 10_000 ? 2 : 1).replace('-', '−')} s`
}

/** A number with thousands separators, such as `12,345`. */
export function count(number: number): string {
  return number.toLocaleString('en-US')
}

/** The text, cut to at most `length` characters. */
export function shorten(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text
}
