import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { bytesOf, fix, lint, readSources } from '../src/index.js'
import { Place } from '../src/text/place.js'
import { Manifest } from '../src/text/source.js'

/** What a text says, document by document. */
function read(text: string): unknown[] {
  const manifest = new Manifest({ file: 'web.yaml', text })
  expect(manifest.problems).toEqual([])
  return manifest.documents.map((document) => new Place({ manifest, document, shared: false }, document.contents).value)
}

const problemOf = (text: string) => new Manifest({ file: 'web.yaml', text }).problems[0]?.message

// What each says was asked of kubectl 1.32: kubectl annotate --local -f web.yaml a=b -o json
describe('what kubectl reads is read, and says the same', () => {
  test.each<[what: string, text: string, ...says: unknown[]]>([
    [
      'in single quotes, on at the indent of the key',
      "m:\n  a: 'one\n  two'\n  b: c\n",
      { m: { a: 'one two', b: 'c' } },
    ],
    [
      'in double quotes, on at the indent of the key',
      'm:\n  a: "one\n  two\\n\n  three"\n',
      { m: { a: 'one two\n three' } },
    ],
    ['in double quotes, on further out', 'm:\n  l:\n    a: "one\n two"\n', { m: { l: { a: 'one two' } } }],
    ['in quotes, on at the margin', "m:\n  a: 'one\ntwo'\n", { m: { a: 'one two' } }],
    ['in quotes, with an empty line', "m:\n  a: 'one\n\n  two'\n", { m: { a: 'one\ntwo' } }],
    [
      'in quotes, with what looks like a key or a comment',
      "m:\n  a: 'one\n  b: two\n  # three'\n",
      { m: { a: 'one b: two # three' } },
    ],
    ['in quotes, with a quote in it', "m:\n  a: 'it''s\n  good'\n", { m: { a: "it's good" } }],
    ['in quotes, in a list', "l:\n- 'one\n- two'\n- b\n", { l: ['one - two', 'b'] }],
    [
      'in quotes, and lines that end as on Windows',
      'm:\r\n  a: "one\r\n  two"\r\n  b: c\r\n',
      { m: { a: 'one two', b: 'c' } },
    ],
    ['many of them', `m:\n${"  - 'one\n  two'\n".repeat(300)}`, { m: Array(300).fill('one two') }],
    ['brackets that close further out', 'm:\n  l: [\n a,\n b c\n d\n]\n', { m: { l: ['a', 'b c d'] } }],
    [
      'braces that go on at the margin, with a comment',
      'm:\n  a: {\nb: c, # {\nd: "e\nf"\n}\n',
      { m: { a: { b: 'c', d: 'e f' } } },
    ],
    ['a comment right behind a quote or a bracket', 'a: "b"#c\nd: [e]#f\n', { a: 'b', d: ['e'] }],
    ['lines that end as on an old Mac', 'm:\r  a: b\r  c: |\r    d\r    e\r', { m: { a: 'b', c: 'd\ne\n' } }],
    [
      'a byte order mark, and another where files were put together',
      '\uFEFFa: b\n---\n\uFEFFc: d\n',
      { a: 'b' },
      { c: 'd' },
    ],
    [
      'nothing where there may be a map',
      'm: { empty: }\nspec:\nl:\n  -\n',
      { m: { empty: null }, spec: null, l: [null] },
    ],
    ['tabs that indent nothing', 'm:\t\n  a:\tb\t\n', { m: { a: 'b' } }],
    [
      'lines between documents, doubled and with comments',
      '--- # one\n---\na: b\n---\n# two\n---\n--- \nc: d\n...\n',
      null,
      { a: 'b' },
      null,
      null,
      { c: 'd' },
    ],
    ['JSON after JSON', '{"a": "}"}\n{"b": [{}]} {"c": {}}\n', { a: '}' }, { b: [{}] }, { c: {} }],
    ['JSON with tabs, and a comment above', '# c\n{\n\t"a": [\n\t\t1\n\t]\n}\n', { a: [1] }],
    ['octal numbers in both ways', '{ a: 0644, b: 0o644, c: -0o7 }\n', { a: 420, b: 420, c: -7 }],
    ['lines of megabytes', `a: "${'x'.repeat(3_000_000)}"\n`, { a: 'x'.repeat(3_000_000) }],
  ])('%s', (_, text, ...says) => {
    expect(read(text)).toEqual(says)
  })

  test.each([
    ['a quote without an end', "a: 'one\ntwo\n"],
    ['a quote that another document ends', "a: 'one\n---\ntwo'\n"],
    ['a bracket without an end', 'a: [one\nb: c\n'],
    ['a tab for indentation', 'a:\n\tb: c\n'],
    ['a plain scalar that goes on at the indent of its key', 'm:\n  a: one\n  two\n'],
    ['a key in two lines', 'm:\n  "a\n  b": c\n'],
    ['a comma too much', 'a: [b,, c]\n'],
  ])('what neither reads is told: %s', (_, text) => {
    expect(problemOf(text)).toEqual(expect.any(String))
  })

  test('what is wrong in one document leaves the others, and each is found in its line', () => {
    const text = "a: 'one\ntwo'\n---\nb: [c\n---\nd: 'three\nfour'\n"
    const manifest = new Manifest({ file: 'web.yaml', text })
    expect(manifest.problems).toEqual([expect.objectContaining({ line: 5 })])
    expect(manifest.documents).toHaveLength(2)
  })
})

describe('a character of another keyboard', () => {
  test.each([
    ['a comma', 'command: ["sh"， "-c"]\n', '`，` (U+FF0C) is a letter to YAML: write `,`'],
    ['a colon', 'metadata:\n  name： web\n  labels: { a: b }\n', '`：` (U+FF1A) is a letter to YAML: write `:`'],
    ['a quote', 'a: b\nc: [“d, e”, "f]\n', '`“` (U+201C) is a letter to YAML: write `"`'],
    ['a space', 'a: "b"\u3000"c"\n', 'U+3000 is a letter to YAML: write a space'],
  ])('is named where it breaks the file: %s', (_, text, message) => {
    expect(problemOf(text)).toContain(message)
  })
})

test('UTF-16 without a byte order mark is refused, as kubectl does, and not taken for a file without pods', () => {
  const text = Buffer.from('apiVersion: v1\nkind: Pod\n', 'utf16le').toString('utf8')
  expect(problemOf(text)).toContain('A NUL character, as in UTF-16 without a byte order mark')
})

test('a key that is none, as its colon is of another keyboard, is told so', () => {
  const text =
    'apiVersion: v1\nkind: Pod\nmetadata:\n  labels:\n    app： web\nspec: { containers: [{ name: a, image: a }] }\n'
  expect(lint([{ file: 'web.yaml', text }]).findings).toEqual([
    expect.objectContaining({ rule: 'wrong-type', line: 4, fix: '`：` (U+FF1A) is a letter to YAML: write `:`' }),
  ])
})

test.each([
  ['a colon in a flow map', 'sleep: {seconds： 5}', '`：` (U+FF1A) is a letter to YAML: write `:`'],
  [
    'a space before a key',
    'sleep: { seconds: 5 }\n          \u00A0exec: { command: [a] }',
    'U+00A0 is a letter to YAML: write a space',
  ],
])('and so is a key with %s', (_, hook, fix) => {
  const text = `apiVersion: v1
kind: Pod
metadata: { name: a }
spec:
  containers:
    - name: a
      image: a
      lifecycle:
        preStop:
          ${hook}
`
  expect(lint([{ file: 'web.yaml', text }]).findings).toContainEqual(
    expect.objectContaining({ rule: 'unknown-key', severity: 'error', fix }),
  )
})

/** A pod with something to mend, and a description that only kubectl reads. */
const manifest = `apiVersion: v1
kind: Pod
metadata:
  name: web
  annotations:
    text: 'Äpfel
    und Birnen'
spec:
  containers:
    - { name: web, image: web:1, lifecycle: { prestop: { sleep: { seconds: 5 } } } }
`

describe('a mistake after YAML that only kubectl reads', () => {
  test('is found in its line, and fixed there', () => {
    const sources = [{ file: 'web.yaml', text: manifest }]
    expect(lint(sources).findings).toEqual([expect.objectContaining({ rule: 'unknown-key', line: 10, column: 47 })])
    expect(fix(sources)[0]?.text).toBe(manifest.replace('prestop', 'preStop'))
  })

  test.each<['utf-16le' | 'utf-16be']>([['utf-16le'], ['utf-16be']])(
    'is found in %s, as PowerShell writes it, and written back as that',
    (encoding) => {
      const file = join(mkdtempSync(join(tmpdir(), 'podrain-lint-')), 'web.yaml')
      const bytes = bytesOf(`\uFEFF${manifest}`, encoding)
      writeFileSync(file, bytes ?? '')
      const { sources } = readSources([file])
      expect(sources).toEqual([{ file, text: `\uFEFF${manifest}`, encoding }])
      expect(lint(sources).findings).toEqual([expect.objectContaining({ rule: 'unknown-key', line: 10 })])
      const [fixed] = fix(sources)
      expect(bytesOf(fixed?.text ?? '', fixed?.source.encoding)).toEqual(
        bytesOf(`\uFEFF${manifest.replace('prestop', 'preStop')}`, encoding),
      )
    },
  )

  test('is found in a file of which some bytes are no UTF-8, and such a file is not written', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'podrain-lint-')), 'web.yaml')
    writeFileSync(file, Buffer.from(manifest, 'latin1'))
    const { sources } = readSources([file])
    expect(lint(sources).findings).toEqual([expect.objectContaining({ rule: 'unknown-key', line: 10 })])
    expect(bytesOf(fix(sources)[0]?.text ?? '', sources[0]?.encoding)).toBeUndefined()
    expect(readFileSync(file)).toEqual(Buffer.from(manifest, 'latin1'))
  })
})
