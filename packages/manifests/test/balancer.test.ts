import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { controllers } from '../src/world/controllers.js'
import { app, found, ingress, said, service } from './apps.js'

const hooked = (seconds: number) => app({ container: [`lifecycle: { preStop: { sleep: { seconds: ${seconds} } } }`] })
/** What a hook of 8 s is told, with that load balancer in front. */
const told = (...front: readonly string[]) => said('hook-shorter-than-settle', hooked(8), service(), ...front)

const ingressClass = (name: string, controller: string) =>
  `apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: { name: ${name} }\nspec: { controller: ${controller} }\n`
const gateway = (className: string, route = 'HTTPRoute') => `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: edge }
spec: { gatewayClassName: ${className} }
---
apiVersion: gateway.networking.k8s.io/v1
kind: ${route}
metadata: { name: web }
spec: { parentRefs: [{ name: edge }], rules: [{ backendRefs: [{ name: web, port: 80 }] }] }
`

describe('an Ingress says by its class what routes to the pod', () => {
  test.each([
    ['azure-application-gateway', 'Azure Application Gateway needs 90 s', 'aws-nlb'],
    ['azure/application-gateway', 'Azure Application Gateway needs 90 s', 'aws-nlb'],
    ['kong', 'Kong needs 15 s', 'ingress-nginx'],
  ])('%s', (name, needs, nearest) => {
    expect(told(ingress(name))).toEqual([
      `warning: The hook takes 8 s, but ${needs} to stop routing to the pod: Ingress/web (class ${name}); the nearest preset of podrain is \`${nearest}\``,
    ])
  })

  test.each([
    ['haproxy', 'HAProxy needs 10 s'],
    ['openshift-default', 'HAProxy needs 10 s'],
    ['nginx', 'ingress-nginx needs 15 s'],
  ])('%s has a preset of its own', (name, needs) => {
    expect(told(ingress(name))).toEqual([
      `warning: The hook takes 8 s, but ${needs} to stop routing to the pod: Ingress/web (class ${name})`,
    ])
  })

  test.each(['traefik', 'contour', 'cilium', 'istio', 'somebody-else'])('%s learns in time', (name) => {
    expect(told(ingress(name))).toEqual([])
  })

  test('and what the IngressClass says comes before its name', () => {
    expect(told(ingress('nginx'), ingressClass('nginx', 'nginx.org/ingress-controller'))).toEqual([
      expect.stringContaining('but NGINX Ingress Controller (F5) needs 15 s'),
    ])
    expect(told(ingress('edge'), ingressClass('edge', 'k8s.io/ingress-nginx'))).toEqual([
      expect.stringContaining('but ingress-nginx needs 15 s'),
    ])
    expect(told(ingress('nginx'), ingressClass('nginx', 'traefik.io/ingress-controller'))).toEqual([])
    expect(told(ingress('edge'), ingressClass('edge', 'openshift.io/ingress-to-route'))).toEqual([
      expect.stringContaining('but HAProxy needs 10 s'),
    ])
  })

  test('HAProxy Ingress and Traefik learn within 5 s, an Envoy within 2', () => {
    const hookOf = (seconds: number, name: string, controller: string) =>
      said('hook-shorter-than-settle', hooked(seconds), service(), ingress(name), ingressClass(name, controller))
    for (const [name, controller] of [
      ['HAProxy Ingress', 'haproxy-ingress.github.io/controller'],
      ['Traefik', 'traefik.io/ingress-controller'],
    ] as const) {
      expect(hookOf(4, 'edge', controller)).toEqual([expect.stringContaining(`but ${name} needs 5 s`)])
      expect(hookOf(5, 'edge', controller)).toEqual([])
    }
    expect(hookOf(2, 'edge', 'cilium.io/ingress-controller')).toEqual([])
  })
})

describe('a Gateway says by its class what routes to the pod', () => {
  test.each(['HTTPRoute', 'GRPCRoute', 'TLSRoute', 'TCPRoute'])('of a %s', (route) => {
    expect(told(gateway('gke-l7-regional-external-managed', route))).toEqual([
      expect.stringContaining('but gke-neg needs 40 s to stop routing to the pod: Gateway/edge'),
    ])
  })

  test.each([
    ['nginx', 'NGINX Gateway Fabric needs 15 s'],
    ['haproxy', 'HAProxy needs 10 s'],
    ['kong', 'Kong needs 15 s'],
  ])('%s', (name, needs) => {
    expect(told(gateway(name))).toEqual([expect.stringContaining(`but ${needs}`)])
  })

  test.each(['eg', 'envoy-gateway', 'traefik', 'cilium', 'istio', 'contour'])('%s learns in time', (name) => {
    expect(told(gateway(name))).toEqual([])
  })

  test('and what the GatewayClass says comes before its name', () => {
    const gatewayClass =
      'apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: { name: eg }\nspec: { controllerName: haproxy.org/gateway-controller }\n'
    expect(told(gateway('eg'), gatewayClass)).toEqual([expect.stringContaining('but HAProxy needs 10 s')])
  })
})

describe('AWS sends to nodes unless something says `ip`', () => {
  const alb = (annotations = '') => ingress('alb', annotations)
  const ip = 'alb.ingress.kubernetes.io/target-type: ip'
  const nlb = (annotations: string) =>
    service('web', 'type: LoadBalancer, ports: [{ port: 80, targetPort: 8080 }]', `, annotations: { ${annotations} }`)
  const external = 'service.beta.kubernetes.io/aws-load-balancer-type: external'
  const target = (to: string) => `service.beta.kubernetes.io/aws-load-balancer-nlb-target-type: ${to}`

  test('an ALB', () => {
    for (const front of [alb(), alb('alb.ingress.kubernetes.io/target-type: instance')]) {
      expect(told(front)).toEqual([])
      expect(found(hooked(8), service(), front)).not.toContain('info rollout-outruns-balancer')
    }
    expect(told(alb(ip))).toEqual([expect.stringContaining('but aws-alb needs 30 s')])
    expect(found(hooked(8), service(), alb(ip))).toContain('info rollout-outruns-balancer')
  })

  test('an ALB, where the Service or the class says so', () => {
    const said = service('web', 'ports: [{ port: 80, targetPort: 8080 }]', `, annotations: { ${ip} }`)
    expect(found(hooked(8), said, alb()).join()).toContain('hook-shorter-than-settle')
    const params =
      'apiVersion: elbv2.k8s.aws/v1beta1\nkind: IngressClassParams\nmetadata: { name: pods }\nspec: { targetType: ip }\n'
    const byClass =
      'apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: { name: alb }\nspec: { controller: ingress.k8s.aws/alb, parameters: { name: pods } }\n'
    expect(told(alb(), byClass, params)).toHaveLength(1)
  })

  test('an NLB', () => {
    const tell = (annotations: string) => said('hook-shorter-than-settle', hooked(8), nlb(annotations))
    for (const nodes of [
      external,
      `${external}, ${target('instance')}`,
      'service.beta.kubernetes.io/aws-load-balancer-type: nlb',
    ]) {
      expect(tell(nodes)).toEqual([])
      expect(found(hooked(8), nlb(nodes))).not.toContain('info rollout-outruns-balancer')
    }
    for (const pods of [`${external}, ${target('ip')}`, 'service.beta.kubernetes.io/aws-load-balancer-type: nlb-ip']) {
      expect(tell(pods)).toEqual([expect.stringContaining('but aws-nlb needs 120 s')])
    }
  })

  test('a Gateway', () => {
    expect(told(gateway('aws-alb'))).toEqual([])
    expect(found(hooked(8), service(), gateway('aws-alb'))).not.toContain('info rollout-outruns-balancer')
  })

  test('reports each of several load balancers separately', () => {
    const neg = service(
      'web',
      'ports: [{ port: 80, targetPort: 8080 }]',
      `, annotations: { cloud.google.com/neg: '{"ingress": true}' }`,
    )
    const messages = [hooked(8), neg, alb(ip)]
    expect(said('hook-shorter-than-settle', ...messages)).toEqual([expect.stringContaining('but gke-neg needs 40 s')])
    expect(said('rollout-outruns-balancer', ...messages)).toEqual([
      expect.stringContaining('before aws-alb routes to it'),
    ])
  })

  test('the namespace of the pod may have readiness gates, another one not', () => {
    const namespace = (name: string) =>
      `apiVersion: v1\nkind: Namespace\nmetadata: { name: ${name}, labels: { elbv2.k8s.aws/pod-readiness-gate-inject: enabled } }\n`
    const inShop = (text: string) => text.replace('metadata: { name: web', 'metadata: { namespace: shop, name: web')
    const all = [hooked(8), service(), alb(ip)].map(inShop)
    expect(said('rollout-outruns-balancer', ...all, namespace('shop'))).toEqual([])
    expect(said('rollout-outruns-balancer', ...all, namespace('other'))).toHaveLength(1)
  })
})

test('a route below HTTP leads strangers to /prestop without a header that tells them, and a known proxy adds one', () => {
  const drained = app({ container: ['lifecycle: { preStop: { httpGet: { path: /prestop, port: 8080 } } }'] })
  const exposed = (route: string) => said('prestop-exposed', drained, service(), route)
  expect(exposed(gateway('eg', 'TCPRoute'))).toEqual([
    expect.stringMatching(/^warning: TCPRoute\/web routes to the port/),
  ])
  expect(exposed(gateway('somebody-else'))).toEqual([expect.stringMatching(/^info: HTTPRoute\/web routes `\/`/)])
  expect(exposed(ingress('somebody-else'))).toEqual([expect.stringMatching(/^info: Ingress\/web routes `\/`/)])
  for (const known of [gateway('eg'), ingress('alb'), ingress('nginx')]) expect(exposed(known)).toEqual([])
})

test('a worker without requests gets no advice about how long to serve, with or without a mesh', () => {
  const worker = (annotation: string, ...container: string[]) =>
    app({ container }).replace('labels: { app: web } }', `labels: { app: web }, annotations: { ${annotation} } }`)
  for (const mesh of ['linkerd.io/inject: enabled', 'sidecar.istio.io/inject: "true"']) {
    expect(found(worker(mesh))).toEqual([])
    expect(found(worker(mesh, 'lifecycle: { preStop: { sleep: { seconds: 1 } } }')).join()).not.toContain('settle')
  }
  expect(
    said(
      'linkerd-proxy-ends-first',
      worker('linkerd.io/inject: enabled', 'lifecycle: { preStop: { sleep: { seconds: 20 } } }'),
    ),
  ).toEqual([
    'warning: The proxy accepts no new connection once the termination of the pod has begun, but the app works for 20 s',
  ])
  expect(found(worker('linkerd.io/inject: enabled'), service())).toContain('warning linkerd-proxy-ends-first')
})

describe('the page of load balancers', () => {
  const page = readFileSync(join(__dirname, '..', '..', '..', 'docs', 'operate', 'load-balancers.md'), 'utf8')
  const [, table = ''] = /<!-- controllers -->\n([\s\S]*?)\n<!-- \/controllers -->/.exec(page) ?? []
  const rows = table.split('\n').slice(2)
  /** The clouds' are listed by the names of their products. */
  const ofProjects = controllers.filter(({ name }) => !['aws-alb', 'aws-nlb', 'gke-neg'].includes(name))

  test.each(ofProjects.map((each) => [each.name, each] as const))('lists %s with its preset', (name, controller) => {
    const [row = ''] = rows.filter((each) => each.startsWith(`| ${name} |`) || each.startsWith(`| ${name} (its own`))
    const { behind, isNearest, settle } = controller
    expect(row).toContain(`| ${isNearest ? 'nearest to ' : ''}\`${behind}\``)
    expect(/min: ([\d_]+)/.exec(row)?.[1]?.replace('_', '')).toBe(settle?.toString())
  })

  test('lists no other', () => {
    expect(rows).toHaveLength(ofProjects.length + 2)
  })
})
