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

[\`@podrain/manifests\`](../../packages/manifests) is what \`podrain lint\`, \`manifest\` and \`policy\` are made of. Give
\`lint\` all files of a service in one call: it matches Services, pods, budgets and autoscalers across files.

| | |
|---|---|
| \`lint(sources, options)\` | \`{ findings, ignored, problems, skipped, documents, pods }\`. A finding has file, line, column, severity, rule, message, fix, and edits where they are safe. \`ignored\` has the accepted findings with their reasons. \`skipped\` has what lint cannot judge, with the reason: templates, charts, files from elsewhere |
| \`readSources(paths)\` | reads files and directories, the files that kustomizations in them need, and what Helm renders from charts, if Helm is installed |
| \`fix(sources, options)\` | the texts with all edits made; comments, order and all other text stay. \`bytesOf(text, source.encoding)\` has the bytes to write |
| \`lintAgainst(sources, { url, … })\` | the same as \`lint\`, and compares the manifest with the running app |
| \`renderHuman\`, \`renderJson\`, \`renderSarif\`, \`renderGithub\` | the result as text |
| \`writeManifest(options)\` | a manifest in which \`lint\` finds nothing. \`writeFiles\` also writes a Helm library chart, which is several files |
| \`writePolicies(options)\` | ValidatingAdmissionPolicies from the rules that need one object only |
| \`examine(object)\` | the mistakes of an object by the published schema of its kind: of Kubernetes, Argo Rollouts or KEDA |
| \`rules\`, \`ruleGroups\` | every rule with its reason |

| option of \`lint\` | |
|---|---|
| \`behind\` | what routes to the pods, if the files do not show it |
| \`longestRequest\` | how long the longest request takes, in milliseconds |
| \`kubernetes\` | the version of the cluster, such as \`'1.29'\`, if it is not the newest |
| \`ignore\` | accepted findings: a list of \`{ rule, reason, resource }\` |

The schemas are those of [kubernetes-models](https://github.com/tommy351/kubernetes-models-ts), for Kubernetes 1.36. A schema is loaded with the
first object of its kind. \`@kubernetes-models/argo-rollouts\` and \`@kubernetes-models/keda\` are optional.
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

This page is for whoever has a finding of \`podrain lint\`, or decides which findings fail a build. For each rule it says what the rule finds, why that is a mistake,
and what a manifest without the mistake looks like.

There are ${count} rules. The brackets behind the title of a rule have the greatest severity of its findings:

- \`error\`: the API server refuses the object, or requests are lost each time, or the app is killed each time.
- \`warning\`: requests are lost under usual conditions.
- \`info\`: whether it is a mistake depends on facts that are not in the files.

[podrain lint](cli.md#lint) says how to run lint, and how to [accept a finding](cli.md#accept-a-finding) with a reason. In each example the rule finds a mistake in
the manifest with the lines marked \`-\`, and none with the lines marked \`+\` in their place. A test checks both. The whole examples are in
[packages/manifests](../../packages/manifests/test/manifests). \`npx -y pnpm@10.34.9 docs:lint\` writes this page.

| | |
|---|---|
${contents.join('\n')}

${sections.join('\n')}
${fromJavaScript}`
}
