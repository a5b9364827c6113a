import { structuredPatch } from 'diff'
import { ruleGroups } from '../src/index.js'
import { conditions } from '../src/write/admission.js'
import { type Example, exampleOf } from './examples.js'

/** From the manifest that fails to the one that passes, with a few lines around. */
function changeIn({ fails, passes }: Example): string {
  const { hunks } = structuredPatch('', '', fails, passes, '', '', { context: 4 })
  return hunks.map(({ lines }) => `${lines.join('\n')}\n`).join('  …\n')
}

const said = { error: 'Why an error?', warning: 'Why a warning?', info: 'Why an info?' } as const

/** Whether admission policies know it, too. */
function policyNote(id: string): string {
  const own = conditions.filter(({ rule }) => rule === id)
  if (own.length === 0) return ''
  return ` (${own.some(({ isPart }) => isPart) ? 'In part in' : 'In'} the [policies](../operate/kubernetes.md#in-the-cluster-itself), too.)`
}

/** docs/reference/lint.md: every rule with its reason, a manifest that it finds something in, and one it does not. */
export function lintPage(): string {
  const count = ruleGroups.reduce((sum, { rules }) => sum + rules.length, 0)
  const contents = ruleGroups.map(
    ({ title, rules }) => `| ${title} | ${rules.map(({ id }) => `[${id}](#${id})`).join(' ')} |`,
  )
  const sections = ruleGroups.map(({ title, rules }) => {
    const entries = rules.map(({ id, severity, severe, title, why }) => {
      return `### ${id}\n\n**${title}** (${severity})\n\n${why}${policyNote(id)}\n\n${said[severity]} ${severe}\n\n\`\`\`diff\n${changeIn(exampleOf(id))}\`\`\`\n`
    })
    return `## ${title}\n\n${entries.join('\n')}`
  })
  return `# What podrain lint finds

${count} rules. In brackets stands the worst severity that a rule reports: \`error\` is always one: refused by Kubernetes, or it cannot
do what it says, and requests are lost or the app is killed; \`warning\` loses requests under usual conditions; \`info\` may be right or wrong, by what no file
says. Each says why. How to use lint, and how
to silence a rule with a reason: [podrain lint](cli.md#lint). In each example the lines with \`-\` are what the rule finds, and those with
\`+\` put it right; a test holds both to that, and they stand whole in [the examples](../../packages/manifests/test/manifests). Written by \`npx -y pnpm@10.34.9 docs:lint\`.

| | |
|---|---|
${contents.join('\n')}

${sections.join('\n')}`
}
