import { Session } from 'node:inspector/promises'
import { setFlagsFromString } from 'node:v8'
import { expect, test } from 'vitest'
import { lint } from '../src/index.js'

/** All that hangs together around one app, with a mistake or two, so that rules ask who is with whom. */
const app = (name: string, namespace: string) => `apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name}, namespace: ${namespace} }
spec:
  replicas: 3
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata: { labels: { app: ${name}, tier: web } }
    spec:
      containers:
        - name: app
          image: ${name}:1
          ports: [{ name: http, containerPort: 8080 }]
          # podrain-ignore no-readiness: it is a test
          lifecycle: { preStop: { httpGet: { path: /prestop, port: http } } }
---
apiVersion: v1
kind: Service
metadata:
  name: ${name}
  namespace: ${namespace}
  annotations: { cloud.google.com/backend-config: '{"default": "${name}"}' }
spec: { selector: { app: ${name}, tier: web }, ports: [{ port: 80, targetPort: https }] }
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: ${name}
  namespace: ${namespace}
  annotations: { alb.ingress.kubernetes.io/target-group-attributes: deregistration_delay.timeout_seconds=60 }
spec:
  ingressClassName: alb
  rules: [{ http: { paths: [{ path: /, pathType: Prefix, backend: { service: { name: ${name}, port: { number: 80 } } } }] } }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: ${name}, namespace: ${namespace} }
spec: { parentRefs: [{ name: ${name} }], rules: [{ backendRefs: [{ name: ${name}, port: 80 }] }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: ${name}, namespace: ${namespace} }
spec: { gatewayClassName: gke-l7-rilb }
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: { name: ${name}-budget, namespace: ${namespace} }
spec: { maxUnavailable: 1, selector: { matchLabels: { app: ${name}-of-old } } }
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: { name: ${name}, namespace: ${namespace} }
spec: { scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: ${name} }, maxReplicas: 9 }
---
apiVersion: cloud.google.com/v1
kind: BackendConfig
metadata: { name: ${name}, namespace: ${namespace} }
spec: { timeoutSec: 30 }
`

const apps = (count: number, namespaces: number) =>
  Array.from({ length: count }, (_, index) => app(`app-${index}`, `team-${index % namespaces}`))

// What V8 has optimized, it does not count.
setFlagsFromString('--no-opt')

/** How often each of our functions is called meanwhile: work that can be counted, however busy the machine is. */
async function callsIn(act: () => void): Promise<ReadonlyMap<string, number>> {
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.startPreciseCoverage', { callCount: true })
  act()
  const { result } = await session.post('Profiler.takePreciseCoverage')
  session.disconnect()
  return new Map(
    result
      .filter(({ url }) => url.includes('/manifests/src/'))
      .flatMap(({ url, functions }) =>
        functions.map(({ functionName, ranges: [range] }) => {
          return [`${functionName} at ${range?.startOffset} of ${url}`, range?.count ?? 0] as const
        }),
      ),
  )
}

/** The functions that are called more often than so many times as often. */
function grown(from: ReadonlyMap<string, number>, to: ReadonlyMap<string, number>, times: number): string[] {
  expect(from.size).toBeGreaterThan(300)
  return [...to]
    .filter(([name, count]) => count > times * Math.max(from.get(name) ?? 0, least))
    .map(([name, count]) => `${from.get(name)} → ${count} times ${name}`)
}

/** Of what happens less often nothing can be said: V8 does not count the first few calls of a function. */
const least = 20

const shapes = {
  'in one namespace': (count: number) => [{ file: 'all.yaml', text: apps(count, 1).join('---\n') }],
  'in a namespace each': (count: number) => [{ file: 'all.yaml', text: apps(count, count).join('---\n') }],
  'in a file each': (count: number) => apps(count, 1).map((text, index) => ({ file: `k8s/${index}.yaml`, text })),
  'in one build of kustomize, with a patch each': (count: number) => {
    const patches = Array.from({ length: count }, (_, index) => ({
      file: `patch-${index}.yaml`,
      text: `kind: Deployment\nmetadata: { name: app-${index} }\nspec: { replicas: 4 }\n`,
    }))
    const list = patches.map(({ file }) => `{ path: ${file} }`).join(', ')
    const kustomization = { file: 'kustomization.yaml', text: `resources: [all.yaml]\npatches: [${list}]\n` }
    return [{ file: 'all.yaml', text: apps(count, 1).join('---\n') }, kustomization, ...patches]
  },
}

test.each(Object.entries(shapes))('for twice as many apps %s nothing is done four times as often', async (_, of) => {
  lint(of(1)) // what is made once
  const [some, more] = [await callsIn(() => lint(of(30))), await callsIn(() => lint(of(60)))]
  expect(grown(some, more, 3)).toEqual([])
})

test('apps in one namespace are as much work as the same over many', async () => {
  const one = await callsIn(() => lint(shapes['in one namespace'](30)))
  const many = await callsIn(() => lint(shapes['in a namespace each'](30)))
  expect(grown(many, one, 1.5)).toEqual([])
})
