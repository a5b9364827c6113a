import { type Facts, graceComment, heading, minReady, text, variablesOf } from './manifest.js'
import { environment, indented, preStop, probes, socketMount, socketVolume, strategy, type Written } from './pieces.js'

/**
 * A Helm library chart: named templates that every chart of a company can include. They contain values but no conditions, so that it
 * is easy to see what they render.
 */
export function helmLibrary(facts: Facts): Written[] {
  return [
    { file: 'Chart.yaml', text: chart },
    { file: 'values.yaml', text: values(facts) },
    { file: 'templates/_helpers.tpl', text: templatesOf(facts).map(definition).join('') },
    { file: 'README.md', text: readme(facts) },
  ]
}

const chart = `apiVersion: v2
name: podrain
type: library
version: 0.1.0
description: What a Deployment with podrain needs, as named templates
`

/** A reference to a value. Helm adds the values of a library to the chart that depends on it, under the library's name. Source: helm, coalesceDeps in pkg/chartutil. */
function value(name: string): string {
  return `{{ .Values.podrain.${name} }}`
}

function values(facts: Facts): string {
  const { name, behind, hook, port, controlPort, grace } = facts
  return `${heading}# A chart that depends on this one says its own under the key podrain.
${graceComment(facts, '')}terminationGracePeriodSeconds: ${grace}
# What routes to the pods, as a preset of podrain.
behind: ${behind}
# Of hook and probes: ${hook === 'control-port' ? 'the control port, which is in no Service' : 'the one that the app listens on'}.
port: ${hook === 'control-port' ? controlPort : port}
# Of @podrain/kubernetes, which reads the pod and the EndpointSlices that list it.
serviceAccountName: ${text(name)}
`
}

interface Template {
  readonly name: string
  readonly what: string
  readonly text: string
}

function templatesOf({ hook }: Facts): Template[] {
  const port = value('port')
  const variables = variablesOf({
    grace: value('terminationGracePeriodSeconds'),
    behind: value('behind'),
    controlPort: port,
    hook,
  })
  return [
    { name: 'podrain.strategy', what: 'under `strategy` of a Deployment', text: strategy },
    { name: 'podrain.env', what: 'items of `env`', text: environment(variables) },
    // No other hook than that of the variables: they close or open what it asks.
    { name: 'podrain.lifecycle', what: 'under `lifecycle`', text: `preStop:\n${indented(preStop(hook, port), '  ')}` },
    { name: 'podrain.probes', what: 'entries of the container: readiness and liveness', text: probes(port) },
    ...(hook === 'exec'
      ? [
          { name: 'podrain.volumeMounts', what: 'items of `volumeMounts`', text: socketMount },
          { name: 'podrain.volumes', what: 'items of `volumes`', text: socketVolume },
        ]
      : []),
    { name: 'podrain.rbac', what: 'objects that @podrain/kubernetes needs', text: rbac(value('serviceAccountName')) },
  ]
}

/** The same as rbac.yaml of @podrain/kubernetes. */
function rbac(name: string): string {
  return `apiVersion: v1
kind: ServiceAccount
metadata:
  name: ${name}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: ${name}
rules:
  - apiGroups: [""]
    resources: [pods]
    verbs: [watch]
  - apiGroups: [discovery.k8s.io]
    resources: [endpointslices]
    verbs: [list]
  - apiGroups: [""]
    resources: [services]
    verbs: [get]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: ${name}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: ${name}
subjects:
  - kind: ServiceAccount
    name: ${name}
`
}

function definition({ name, what, text }: Template): string {
  return `{{/* ${name}: ${what} */}}\n{{- define "${name}" -}}\n${text}{{- end }}\n\n`
}

function readme(facts: Facts): string {
  const { name, hook } = facts
  const include = (template: string, by: number) => `{{- include "${template}" . | nindent ${by} }}`
  const isExec = hook === 'exec'
  return `# podrain, a Helm library chart

In \`Chart.yaml\` of a chart:

\`\`\`yaml
dependencies:
  - name: podrain
    version: 0.1.0
    repository: file://../podrain
\`\`\`

In its Deployment:

\`\`\`yaml
spec:
  strategy: ${include('podrain.strategy', 4)}
${minReady(facts)}  template:
    spec:
      serviceAccountName: ${value('serviceAccountName')}
      terminationGracePeriodSeconds: ${value('terminationGracePeriodSeconds')}
      containers:
        - name: ${name}
          env: ${include('podrain.env', 12)}
          lifecycle: ${include('podrain.lifecycle', 12)}
          ${include('podrain.probes', 10)}
${isExec ? `          volumeMounts: ${include('podrain.volumeMounts', 12)}\n      volumes: ${include('podrain.volumes', 8)}\n` : ''}\`\`\`

and, where the app uses @podrain/kubernetes, in a template of its own: \`{{ include "podrain.rbac" . }}\`.

| template | what it is |
|---|---|
${templatesOf(facts)
  .map((each) => `| \`${each.name}\` | ${each.what} |`)
  .join('\n')}

Look at what comes of it: \`helm template . | npx podrain lint -\`.
`
}
