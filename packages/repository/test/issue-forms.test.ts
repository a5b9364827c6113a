import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import addFormats from 'ajv-formats'
import { expect, test } from 'vitest'
import { parse } from 'yaml'

const folder = join(__dirname, '../../../.github/ISSUE_TEMPLATE')
const ajv = new Ajv({ strict: false })
addFormats(ajv)

const validator = (name: string) =>
  ajv.compile(JSON.parse(readFileSync(require.resolve(`schemastore/schemas/json/${name}.json`), 'utf8')))
const form = validator('github-issue-forms')
const chooser = validator('github-issue-config')

test.each(readdirSync(folder))('GitHub shows %s to whoever opens an issue', (file) => {
  const validate = file === 'config.yml' ? chooser : form
  validate(parse(readFileSync(join(folder, file), 'utf8')))
  expect(validate.errors).toBeNull()
})
