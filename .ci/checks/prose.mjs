/**
 * Checks the vocabulary of every page, comment and text in the code, and the length of sentences in pages for users.
 *
 *     node .ci/checks/prose.mjs [file …]     with files, only those
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { extname, join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { TextlintKernel } from '@textlint/kernel'
import markdown from '@textlint/textlint-plugin-markdown'
import prh from 'textlint-rule-prh'
import sentenceLength from 'textlint-rule-sentence-length'
import { sourcePlugin } from './prose/source.mjs'

const root = join(import.meta.dirname, '../..')
const everything = ['*.md', 'packages/*/src/**/*.ts', 'packages/*/browser/**/*.ts', 'examples/*/*.js', '.ci/**/*.mjs']
const given = parseArgs({ allowPositionals: true }).positionals.map((path) => relative(root, path))
const files = given.length > 0 ? given : list(everything)

const plugins = [
  { pluginId: 'markdown', plugin: markdown.default },
  { pluginId: 'source', plugin: sourcePlugin },
]
const vocabulary = {
  ruleId: 'vocabulary',
  rule: prh.default,
  options: {
    rulePaths: [join(import.meta.dirname, 'prose', 'vocabulary.yml')],
    checkEmphasis: true,
    checkLink: true,
  },
}
const shortSentences = { ruleId: 'sentence-length', rule: sentenceLength.default, options: { max: 300 } }
/** Whether a file is a page for users. Pages of measurements and decisions may have long sentences. */
const isForUsers = (file) =>
  /^(?:docs\/(?!proof\/|design\.md).*|(?:packages|examples)\/[^/]+\/README|README)\.md$/.test(file)

const kernel = new TextlintKernel()
let found = 0
for (const file of files) {
  const text = readFileSync(join(root, file), 'utf8')
  const rules = isForUsers(file) ? [vocabulary, shortSentences] : [vocabulary]
  const { messages } = await kernel.lintText(text, { plugins, rules, filePath: join(root, file), ext: extname(file) })
  for (const { line, column, message } of messages) {
    process.stdout.write(`${file}:${line}:${column}: ${message.split('\n').filter(Boolean).slice(0, 2).join(' ')}\n`)
  }
  found += messages.length
}
process.stdout.write(`prose: ${files.length} files, ${found} to mend\n`)
process.exitCode = found === 0 ? 0 : 1

/** The tracked files, and new files that are not ignored. */
function list(patterns) {
  const names = execFileSync('git', ['ls-files', '-z', '-co', '--exclude-standard', '--', ...patterns], { cwd: root })
  return [...new Set(names.toString().split('\0'))].filter((name) => name !== '').sort()
}
