/** A duration in ms as a person reads it. */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(Math.abs(ms) < 10_000 ? 2 : 1).replace('-', '−')} s`
}

/** A count as a person reads it. */
export function count(number: number): string {
  return number.toLocaleString('en-US')
}

/** No more than so many characters of a text that may be of any length. */
export function shorten(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text
}
