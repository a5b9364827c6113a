import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { lint } from '../src/index.js'

const examples = join(__dirname, '..', '..', '..', 'examples')
const files = readdirSync(examples, { recursive: true, encoding: 'utf8' }).filter(
  (file) => /\.ya?ml$/.test(file) && !file.includes('node_modules'),
)

test.each(files)('the manifest of our own example %s has nothing in it that loses requests', (file) => {
  const { findings, problems } = lint([{ file, text: readFileSync(join(examples, file), 'utf8') }])
  expect([...problems, ...findings.filter(({ severity }) => severity !== 'info')]).toEqual([])
})
