import { presets } from '@podrain/core'
import { variables } from '../../core/src/variables.js'
import { type Member, membersOf } from './declarations.js'

interface Option extends Member {
  /** Whether it belongs to a `Drain`, which may be shared. Otherwise each adapter has its own. */
  readonly ofDrain: boolean
}

function under(prefix: string, members: readonly Member[]): Member[] {
  return members.map((member) => ({ ...member, name: `${prefix}.${member.name}` }))
}

/** Every option of every adapter, by its name. */
function optionsOfAdapters(): Map<string, Option> {
  const drain = membersOf('core/src/options.ts', 'DrainOptions').filter(({ name }) => name !== 'settle')
  const settle = under('settle', membersOf('core/src/options.ts', 'SettleOptions'))
  const endpoints = membersOf('core/src/endpoints/options.ts', 'EndpointOptions').filter(
    ({ name }) => name !== 'endpoints',
  )
  const paths = under('endpoints', membersOf('core/src/endpoints/options.ts', 'EndpointPaths'))
  const own = membersOf('core/src/adapter-options.ts', 'AdapterOptions')
  const options: Option[] = [
    ...[...drain, ...settle].map((member) => ({ ...member, ofDrain: true })),
    ...[...endpoints, ...paths, ...own].map((member) => ({ ...member, ofDrain: false })),
  ]
  return new Map(options.map((option) => [option.name, option]))
}

/** The options by subject. The first group has those that most services set. */
const groups: Readonly<Record<string, readonly string[]>> = {
  'The six that people set': ['terminationGracePeriodSeconds', 'behind', 'settle.min', 'checks', 'token', 'logger'],
  Times: ['settle.quiet', 'settle.max', 'closing', 'reserve', 'keepAliveCap', 'hookTimeout', 'platform'],
  Endpoints: [
    ...['readyz', 'livez', 'prestop', 'drainz', 'busyz'].map((name) => `endpoints.${name}`),
    'checkTimeout',
    'readyzWhileDraining',
    'controlPort',
    'controlSocket',
    'metrics',
  ],
  'The end of the process': ['signals', 'errors'],
  'Logs and reports': ['progress', 'reportFormat', 'terminationMessagePath'],
  'Sharing and tests': ['drain', 'clock', 'process'],
}

/** The anchors of errors of single options on errors.md. For other options the anchor follows from the type. */
const errors: Readonly<Record<string, string>> = {
  terminationGracePeriodSeconds: 'a-wrong-grace-period',
  token: 'a-wrong-token',
  drain: 'options-that-belong-to-the-shared-drain',
  controlPort: 'a-wrong-control-port-or-socket',
  controlSocket: 'a-wrong-control-port-or-socket',
  metrics: 'a-wrong-control-port-or-socket',
}

function errorsOf({ name, type }: Option): string {
  const usual = /number/.test(type)
    ? 'a-wrong-duration'
    : /'|boolean|Behind|Platform|Signal/.test(type)
      ? 'a-wrong-choice'
      : 'a-wrong-kind-of-value'
  const anchor = errors[name] ?? (name.startsWith('endpoints.') ? 'a-wrong-path' : usual)
  const isOfBudget = [
    'terminationGracePeriodSeconds',
    'behind',
    'settle.min',
    'settle.quiet',
    'closing',
    'reserve',
  ].includes(name)
  const linkTo = (id: string) => `[${id.replaceAll('-', ' ')}](errors.md#${id})`
  return [linkTo(anchor), ...(isOfBudget ? [linkTo('times-do-not-fit')] : [])].join(', ')
}

const variableOf = (option: string) => [...variables].find(([, name]) => name === option)?.[0]

/** A heading without the dot, because GitHub and VitePress make different anchors from a dot. */
const headingOf = (option: string) => option.replace('.', ' ')
const anchorOf = (option: string) => headingOf(option).toLowerCase().replace(' ', '-')

function rowOf(option: Option): string {
  const { name, fallback = 'none', ofDrain } = option
  const variable = variableOf(name)
  return `| [\`${name}\`](#${anchorOf(name)}) | ${fallback} | ${variable ? `\`${variable}\`` : ''} | ${ofDrain ? 'drain' : 'adapter'} |`
}

function entryOf(option: Option): string {
  const { name, type, text, fallback = 'none', ofDrain } = option
  const variable = variableOf(name)
  return [
    `### ${headingOf(name)}`,
    text,
    [
      `- Type: \`${type}\``,
      `- Default: ${fallback}`,
      `- Variable: ${variable ? `\`${variable}\`` : 'none'}`,
      `- Belongs to: ${ofDrain ? 'the drain' : 'the adapter'}`,
      `- Errors: ${errorsOf(option)}`,
    ].join('\n'),
  ].join('\n\n')
}

function presetsTable(): string {
  const seconds = (ms: number | undefined) => (ms === undefined ? '' : `${ms / 1000} s`)
  const rows = Object.entries(presets).map(
    ([name, { settle, idle }]) => `| \`${name}\` | ${seconds(settle)} | ${seconds(idle)} |`,
  )
  return ['| `behind` | `settle.min` | keeps idle connections |', '|---|---|---|', ...rows].join('\n')
}

function kubernetesOptions(): string {
  const path = 'kubernetes/src/options.ts'
  const options = [
    ...membersOf(path, 'KubernetesOptions'),
    ...under('annotations', membersOf(path, 'AnnotationSettings')),
  ]
  return options
    .map(({ name, type, text, fallback = 'none' }) => `- **\`${name}\`** (\`${type}\`): ${text} Default: ${fallback}.`)
    .join('\n')
}

/** docs/reference/options.md: every option, from the docstrings. */
export function optionsPage(): string {
  const options = optionsOfAdapters()
  const taken = Object.values(groups).flat()
  const left = [...options.keys()].filter((name) => !taken.includes(name))
  if (left.length > 0) throw new Error(`No group of options-page.ts has ${left.join(', ')}`)
  const optionOf = (name: string): Option => {
    const option = options.get(name)
    if (option === undefined) throw new Error(`There is no option ${name} any more: take it out of options-page.ts`)
    return option
  }
  const sections = Object.entries(groups).map(
    ([title, names]) => `## ${title}\n\n${names.map((name) => entryOf(optionOf(name))).join('\n\n')}`,
  )
  return `<!-- Written by \`npx -y pnpm@10.34.9 docs:reference\` from the docstrings. -->

# Options

Every option with its default, its variable and its errors. \`gracefulShutdown\` of Fastify, \`drain()\` of Express and Koa, \`drainServer()\` and
\`PodrainModule.forRoot()\` take the same options. \`@podrain/auto\` takes them from variables.

Durations are milliseconds, except the field that Kubernetes itself names in seconds. Times that do not fit into the grace period are an error at
construction, with the arithmetic in [the message](errors.md#times-do-not-fit). Most services set no option.

| option | default | variable | belongs to |
|---|---|---|---|
${taken.map((name) => rowOf(optionOf(name))).join('\n')}

## Which options belong to a shared Drain

\`new Drain(options)\` takes the options of the drain: times, signals, logs. An adapter takes those and its own: endpoints, control port, metrics,
\`drain\`. With \`drain({ drain: shared })\` the options of the drain are given to \`new Drain()\`, and the adapter refuses them
([error](errors.md#options-that-belong-to-the-shared-drain)). \`new Drain({ controlSocket: true })\` is refused as
[an option of an adapter](errors.md#options-that-belong-to-the-shared-drain): give it to the adapter. \`drainCluster()\` takes the options of an adapter without \`settle\`, \`behind\`,
\`closing\`, \`keepAliveCap\`, \`checks\`, \`checkTimeout\` and \`drain\`, which belong to the workers.

## Variables

Every adapter takes options that the code does not set from the environment: \`PODRAIN_BEHIND=traefik\` is \`behind: 'traefik'\`. So one ConfigMap gives
the same defaults to all services of a cluster: [defaults](../operate/defaults.md).

- An option in the code wins over a variable. That is so for each field of \`settle\` and \`endpoints\`. \`PODRAIN_LOGGER=false\` wins over the logger that an adapter takes by itself.
- \`PODRAIN_OPTIONS\` has several options as one JSON object. A variable of its own wins over it.
- A wrong value is [an error](errors.md#a-wrong-variable) at the start, which names the variable. A misspelled name is an error, too, and so is that of an option that only code can set, such as \`PODRAIN_CHECKS\`.
- \`PODRAIN_SIGNALS\` is a list such as \`SIGTERM,SIGINT\`. Several tokens need \`PODRAIN_OPTIONS\`.
- \`PODRAIN_TOKEN\` is a secret. It belongs in a Secret of each service, not into a ConfigMap for all.
- \`PODRAIN_CONTROL_PORT\` and \`PODRAIN_CONTROL_SOCKET\` are for the primary of a cluster and the main thread, which answer there for all workers and threads. Workers and threads ignore them.
- The variables of the control endpoints count for every adapter, for \`drainCluster()\`, \`drainThread()\` and \`controlEndpoints(drain)\`. A \`new Drain()\` alone has no control endpoints, and ignores them.
- \`PODRAIN_AUTO=false\` turns \`@podrain/auto\` off. \`PODRAIN_SOCKET\` is read by \`podrain-prestop\`. \`PODRAIN_PRIMARY\` is set by podrain for its workers.
- \`PODRAIN_TERMINATION_GRACE_PERIOD_SECONDS\` wins over \`TERMINATION_GRACE_PERIOD_SECONDS\`, which other programs of the pod may read, too.

${sections.join('\n\n')}

## Presets of \`behind\`

What each load balancer needs to learn that a pod ends, and how long it keeps idle connections to a pod. The sources are in
[load balancers](../operate/load-balancers.md).

${presetsTable()}

## Options of kubernetes()

The second argument of \`kubernetes(drain, options)\` of \`@podrain/kubernetes\`. What the package does: [the cluster's own word](../operate/cluster.md). Errors:
[options of kubernetes()](errors.md#options-of-kubernetes).

${kubernetesOptions()}
`
}
