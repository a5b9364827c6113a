import { type Source, writeManifest } from '@podrain/manifests'

/** How the apps are spread over namespaces and files. */
export const shapes = ['over 100 namespaces', 'in one namespace', 'in one namespace, a file each'] as const

export type Shape = (typeof shapes)[number]

/** The manifests of `apps` apps, each with a Deployment, a Service, a PodDisruptionBudget and an Ingress. */
export function manifestsOf(shape: Shape, apps: number): Source[] {
  const namespaces = shape === 'over 100 namespaces' ? 100 : 1
  const texts = Array.from({ length: apps }, (_, index) => {
    const name = `app-${index}`
    const documents = `${writeManifest({ name, image: 'app:1', behind: 'ingress-nginx', hook: 'control-port' })}---\n${ingress(name)}`
    return documents.replaceAll(/^metadata:\n/gm, `metadata:\n  namespace: team-${index % namespaces}\n`)
  })
  return shape === 'in one namespace, a file each'
    ? texts.map((text, index) => ({ file: `apps/${index}.yaml`, text }))
    : [{ file: 'apps.yaml', text: texts.join('---\n') }]
}

function ingress(name: string): string {
  return `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: ${name}
spec:
  ingressClassName: nginx
  rules:
    - http:
        paths:
          - { path: /, pathType: Prefix, backend: { service: { name: ${name}, port: { name: http } } } }
`
}
