/** Characters that look like syntax of YAML, but are letters in YAML. They come from web pages, word processors and other keyboards. */
const lookalikes: Readonly<Record<string, string>> = {
  '，': ',',
  '、': ',',
  '：': ':',
  '［': '[',
  '］': ']',
  '｛': '{',
  '｝': '}',
  '“': '"',
  '”': '"',
  '„': '"',
  '＂': '"',
  '‘': "'",
  '’': "'",
  '＇': "'",
  '＃': '#',
  '－': '-',
  '–': '-',
  '\u3000': 'a space',
  '\u00A0': 'a space',
}

/** A sentence that names the first such character in a text, and what was meant; undefined if there is none. */
export function lookalikeIn(text: string): string | undefined {
  const [found] = [...text].filter((character) => Object.hasOwn(lookalikes, character))
  const meant = lookalikes[found ?? '']
  if (found === undefined || meant === undefined) return undefined
  const code = `U+${found.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`
  const shown = meant === 'a space' ? code : `\`${found}\` (${code})`
  return `${shown} is a letter to YAML: write ${meant === 'a space' ? meant : `\`${meant}\``}`
}
