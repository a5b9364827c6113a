import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A manifest in which a rule finds something, and the same put right. */
export interface Example {
  readonly fails: string
  readonly passes: string
}

/** The example of a rule, from its file. */
export function exampleOf(rule: string): Example {
  const text = readFileSync(join(__dirname, 'manifests', `${rule}.yaml`), 'utf8')
  const [, fails, passes] = /^# fails\n([\s\S]*?)^# passes\n([\s\S]*)$/m.exec(text) ?? []
  if (fails === undefined || passes === undefined) throw new Error(`${rule}.yaml needs \`# fails\` and \`# passes\``)
  return { fails, passes }
}
