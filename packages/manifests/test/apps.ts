import { lint } from '../src/index.js'

/** What a Deployment of a test has besides; each line at the indentation of the place. */
export interface App {
  readonly name?: string
  readonly kind?: string
  readonly labels?: string
  readonly replicas?: number
  readonly image?: string
  /** Under `spec`. */
  readonly spec?: readonly string[]
  /** Under `spec.template.spec`. */
  readonly pod?: readonly string[]
  /** Under the container. */
  readonly container?: readonly string[]
}

/** A Deployment, or what is nearly one. */
export function app({
  name = 'web',
  kind = 'Deployment',
  labels,
  replicas = 3,
  image = 'web:1',
  ...more
}: App = {}): string {
  const lines = (indent: string, texts: readonly string[] = []) => texts.map((text) => `${indent}${text}\n`).join('')
  return `apiVersion: apps/v1
kind: ${kind}
metadata: { name: ${name} }
spec:
  replicas: ${replicas}
${lines('  ', more.spec)}  selector: { matchLabels: { app: ${name} } }
  template:
    metadata: { labels: { ${labels ?? `app: ${name}`} } }
    spec:
${lines('      ', more.pod)}      containers:
        - name: app
          image: ${image}
${lines('          ', more.container)}`
}

export function service(name = 'web', more = 'ports: [{ port: 80, targetPort: 8080 }]', metadata = ''): string {
  return `apiVersion: v1\nkind: Service\nmetadata: { name: ${name}${metadata} }\nspec: { selector: { app: web }, ${more} }\n`
}

/** An Ingress to the Service. */
export function ingress(className: string, annotations = ''): string {
  return `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: web, annotations: { ${annotations} } }
spec: { ingressClassName: ${className}, defaultBackend: { service: { name: web, port: { number: 80 } } } }
`
}

/** An exec hook, as a line of a container. */
export function hook(command: readonly string[]): string {
  return `lifecycle: { preStop: { exec: { command: ${JSON.stringify(command)} } } }`
}

/** What is found in texts that belong together: `severity rule`. */
export function found(...texts: readonly string[]): string[] {
  return findings(...texts).map(({ severity, rule }) => `${severity} ${rule}`)
}

export function findings(...texts: readonly string[]) {
  const { findings, problems } = lint([{ file: 'web.yaml', text: texts.join('---\n') }])
  if (problems.length > 0) throw new Error(JSON.stringify(problems))
  return findings
}

/** What one rule says. */
export function said(rule: string, ...texts: readonly string[]): string[] {
  return findings(...texts)
    .filter((each) => each.rule === rule)
    .map(({ severity, message }) => `${severity}: ${message}`)
}
