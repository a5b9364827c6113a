/** What a template takes: text is escaped, markup is not, a list is joined, `null` is nothing. */
export type Fragment = Markup | string | number | null | readonly Fragment[]

/** Text that is markup already. Only {@link html} and {@link raw} make it, so nothing from outside can pass for it. */
export class Markup {
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  toString(): string {
    return this.#text
  }
}

/** A template in which everything that is filled in is text, unless it is markup. */
export function html(strings: TemplateStringsArray, ...values: readonly Fragment[]): Markup {
  return new Markup(strings.map((part, index) => part + write(values[index] ?? null)).join(''))
}

/** Markup that no template has made: only for what this package itself has written. */
export function raw(text: string): Markup {
  return new Markup(text)
}

/** JSON for a script element of type `application/json`, which `</script>` or `<!--` in a value must not end. */
export function json(value: unknown): Markup {
  return new Markup(JSON.stringify(value).replace(/[<\u2028\u2029]/g, (character) => escapes[character] ?? ''))
}

const escapes: Readonly<Record<string, string>> = { '<': '\\u003c', '\u2028': '\\u2028', '\u2029': '\\u2029' }
const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function write(value: Fragment): string {
  if (value === null) return ''
  if (value instanceof Markup) return value.toString()
  if (Array.isArray(value)) return value.map(write).join('')
  return String(value).replace(/[&<>"']/g, (character) => entities[character] ?? '')
}
