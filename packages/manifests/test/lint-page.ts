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
  return ` (${own.some(({ isPart }) => isPart) ? 'In part in' : 'In'} the [policies](../operate/policies.md), too.)`
}

const fromJavaScript = `## From JavaScript

[\`@podrain/manifests\`](../../packages/manifests) is what \`podrain lint\`, \`manifest\` and \`policy\` are made of. The texts that are given together belong together:
Services are matched with pods, budgets and autoscalers across them.

| | |
|---|---|
| \`lint(sources, options)\` | \`{ findings, ignored, problems, passedOver, documents, pods }\`. A finding has file, line, column, severity, rule, message, fix, and edits where they are safe. What is ignored has its reason. So has what was passed over: templates, charts, what comes from elsewhere |
| \`readSources(paths)\` | files and directories, with what kustomizations in them need, and with what Helm makes of charts where it is installed |
| \`fix(sources, options)\` | the texts with all edits made; comments, order and everything else stay. \`bytesOf(text, source.encoding)\` is what to write |
| \`lintAgainst(sources, { url, … })\` | the same as \`lint\`, compared with the app that runs |
| \`renderHuman\`, \`renderJson\`, \`renderSarif\`, \`renderGithub\` | the result as text |
| \`writeManifest(options)\` | a manifest in which \`lint\` finds nothing. \`writeFiles\` also writes what is several files, a Helm library chart |
| \`writePolicies(options)\` | ValidatingAdmissionPolicies from those rules that can be told from one object |
| \`examine(object)\` | what the published schema of its kind has against an object: of Kubernetes, Argo Rollouts, KEDA |
| \`rules\`, \`ruleGroups\` | every rule with its reason |

| option of \`lint\` | |
|---|---|
| \`behind\` | what sends to the pods, if the files do not show it |
| \`longestRequest\` | milliseconds |
| \`kubernetes\` | the version of the cluster if it is not the newest, as \`'1.29'\` |
| \`ignore\` | \`{ rule, reason, resource }\` |

The schemas are those of [kubernetes-models](https://github.com/tommy351/kubernetes-models-ts), for Kubernetes 1.36. They are loaded when an object of that
kind is met. \`@kubernetes-models/argo-rollouts\` and \`@kubernetes-models/keda\` are optional.
`

/** docs/reference/lint.md: every rule with its reason, a manifest that it finds something in, and one it does not. */
export function lintPage(): string {
  const count = ruleGroups.reduce((sum, { rules }) => sum + rules.length, 0)
  const contents = ruleGroups.map(
    ({ title, rules }) => `| ${title} | ${rules.map(({ id }) => `[${id}](#${id})`).join(' ')} |`,
  )
  const sections = ruleGroups.map(({ title, rules }) => {
    const entries = rules.map(({ id, severity, severityReason, title, why }) => {
      return `### ${id}\n\n**${title}** (${severity})\n\n${why}${policyNote(id)}\n\n${said[severity]} ${severityReason}\n\n\`\`\`diff\n${changeIn(exampleOf(id))}\`\`\`\n`
    })
    return `## ${title}\n\n${entries.join('\n')}`
  })
  return `# What podrain lint finds

For whoever has a finding of \`podrain lint\` in front of them, or decides which findings matter: every rule, why it is one, and a manifest that puts it right.

${count} rules. In brackets stands the worst severity that a rule reports:

- \`error\`: Kubernetes refuses it. Or it cannot do what it says, and requests are lost or the app is killed.
- \`warning\`: it loses requests under usual conditions.
- \`info\`: it may be right or wrong, by what no file says.

How to use lint, and how to silence a rule with a reason: [podrain lint](cli.md#lint). In each example the lines with \`-\` are what the rule finds, and those
with \`+\` put it right. A test holds both to that, and the examples stand whole in [packages/manifests](../../packages/manifests/test/manifests). This page is
written by \`npx -y pnpm@10.34.9 docs:lint\`.

| | |
|---|---|
${contents.join('\n')}

${sections.join('\n')}
${fromJavaScript}`
}
