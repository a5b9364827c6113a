/** A value in a template. Text is escaped, markup is not, a list is joined, `null` is left out. */
export type Fragment = Markup | string | number | null | readonly Fragment[]

/** Text that is HTML already. Only {@link html}, {@link raw} and {@link json} create it, so text from outside is always escaped. */
export class Markup {
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  toString(): string {
    return this.#text
  }
}

/** A template tag. Values are escaped unless they are {@link Markup}. */
export function html(strings: TemplateStringsArray, ...values: readonly Fragment[]): Markup {
  return new Markup(strings.map((part, index) => part + write(values[index] ?? null)).join(''))
}

/** Text as HTML, without escaping. Only for text that this package itself has written. */
export function raw(text: string): Markup {
  return new Markup(text)
}

/** JSON for a script element of type `application/json`. `<` is escaped, because `</script>` or `<!--` in a value would end the element. */
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
