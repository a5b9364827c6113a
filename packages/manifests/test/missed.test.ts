// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is Flux that reads them
import { describe, expect, test } from 'vitest'
import { lint } from '../src/index.js'
import { app, findings, found, said, service } from './apps.js'

const scaler = (least: string, target = 'kind: Deployment, name: web') =>
  `apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: { name: web }\nspec: { scaleTargetRef: { ${target} }, ${least}maxReplicas: 9 }\n`
const keda = (more: string, trigger = 'type: kafka', target = 'name: web') =>
  `apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: { name: web }\nspec: { scaleTargetRef: { ${target} }, ${more}triggers: [{ ${trigger}, metadata: {} }] }\n`
const budget = (limits: string, name = 'web') =>
  `apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: { name: ${name} }\nspec: { ${limits}, selector: { matchLabels: { app: ${name} } } }\n`
const unscaled = app().replace('  replicas: 3\n', '')

describe('a budget beside an autoscaler', () => {
  test('permits nothing at the minimum', () => {
    expect(said('pdb-blocks', unscaled, scaler('minReplicas: 2, '), budget('minAvailable: 2'))).toEqual([
      'warning: No pod may be evicted while there are only 2 pods (HorizontalPodAutoscaler/web scales down to 2): `minAvailable` 2 needs 2 of 2',
    ])
    expect(said('pdb-blocks', unscaled, keda('minReplicaCount: 1, '), budget('minAvailable: 50%'))).toHaveLength(1)
    expect(said('pdb-blocks', unscaled, keda(''), budget('minAvailable: 1'))).toHaveLength(1)
  })

  test('permits something as soon as there is one more, or as `maxUnavailable`', () => {
    expect(said('pdb-blocks', unscaled, scaler('minReplicas: 3, '), budget('minAvailable: 2'))).toEqual([])
    expect(said('pdb-blocks', unscaled, scaler('minReplicas: 2, '), budget('maxUnavailable: 1'))).toEqual([])
  })

  test('that keeps pods which do not work is told once', () => {
    const other = app({ name: 'api' })
    expect(
      said('pdb-unhealthy-pods', app(), other, budget('maxUnavailable: 1'), budget('maxUnavailable: 1', 'api')),
    ).toEqual([
      'info: Pods that are not ready cannot be evicted while PodDisruptionBudget/web and PodDisruptionBudget/api have too few ready pods',
    ])
    expect(
      said('pdb-unhealthy-pods', app(), budget('maxUnavailable: 1, unhealthyPodEvictionPolicy: IfHealthyBudget')),
    ).toEqual([])
  })
})

describe('an autoscaler that goes down to no pod', () => {
  test('behind a Service refuses requests', () => {
    expect(said('autoscaler-leaves-none', unscaled, service(), keda(''))).toEqual([
      'warning: ScaledObject/web scales down to 0 pods (the default): then requests to Service/web are refused',
    ])
    expect(
      said('autoscaler-leaves-none', unscaled, service(), keda('minReplicaCount: 2, idleReplicaCount: 0, ')),
    ).toHaveLength(1)
    expect(said('autoscaler-leaves-none', unscaled, service(), scaler('minReplicas: 0, '))).toHaveLength(1)
  })

  test('is fine for a worker, for what holds requests back, and where it does not', () => {
    for (const texts of [
      [unscaled, keda('')],
      [unscaled, service('web-metrics', 'ports: [{ port: 9090 }]'), keda('')],
      [unscaled, service(), keda('', 'type: external-push')],
      [unscaled, service(), keda('minReplicaCount: 1, ')],
    ]) {
      expect(said('autoscaler-leaves-none', ...texts)).toEqual([])
    }
  })
})

describe('what leads nowhere', () => {
  const route = (backend: string, kind = 'HTTPRoute') =>
    `apiVersion: gateway.networking.k8s.io/v1\nkind: ${kind}\nmetadata: { name: web }\nspec: { rules: [{ backendRefs: [{ ${backend} }] }] }\n`
  const ingress = (backend: string) =>
    `apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: { name: web }\nspec: { defaultBackend: { service: { ${backend} } } }\n`

  test('a selector that is not that of its template is refused by the API server', () => {
    for (const kind of ['Deployment', 'StatefulSet', 'DaemonSet']) {
      expect(found(app({ kind, labels: 'app: website' }))).toContain('error selector-mismatch')
      expect(found(app({ kind, labels: 'app: web, version: v1' }))).not.toContain('error selector-mismatch')
    }
    expect(found(app({ labels: 'app: "${APP}"' })).join()).not.toContain('selector-mismatch')
    const expression = app().replace(
      'matchLabels: { app: web }',
      'matchExpressions: [{ key: app, operator: In, values: [api, web] }]',
    )
    expect(found(expression)).toEqual([])
    expect(found(expression.replace('[api, web]', '[api]'))).toContain('error selector-mismatch')
    expect(said('selector-mismatch', expression.replace('[api, web]', '[api]'))).toEqual([
      'error: The selector requires `app In (api)`, but the pod template has `app: web`: the API server refuses the object',
    ])
  })

  test('a Service whose pods have other labels', () => {
    const other = service().replace('selector: { app: web }', 'selector: { app: web, tier: front }')
    expect(said('service-selects-nothing', app(), other)).toEqual([
      'warning: The selector matches no pod in these files: the pods of Deployment/web have `app: web`',
    ])
    // The rest is told all the same.
    expect(found(app(), other)).toEqual(expect.arrayContaining(found(app(), service())))
    // Its pods may be elsewhere, or get the label from who runs them.
    expect(said('service-selects-nothing', app({ name: 'api' }), service())).toEqual([])
    const primary = service().replace('selector: { app: web }', 'selector: { app: web, role: primary }')
    expect(said('service-selects-nothing', app(), primary)).toEqual([])
  })

  test('a route to a Service, or a port, that is not there', () => {
    expect(said('route-leads-nowhere', app(), service(), ingress('name: web, port: { number: 8080 }'))).toEqual([
      'warning: Service/web has no port 8080; its port is 80',
    ])
    expect(said('route-leads-nowhere', app(), service(), ingress('name: webb, port: { number: 80 }'))).toEqual([
      'warning: There is no Service `webb` in these files; there is `web`',
    ])
    expect(said('route-leads-nowhere', app(), ingress('name: web, port: { number: 80 }'))).toEqual([
      'warning: There is no Service `web` in these files; there is only Deployment/web, which needs a Service to be reached',
    ])
    for (const kind of ['HTTPRoute', 'GRPCRoute', 'TCPRoute']) {
      expect(said('route-leads-nowhere', app(), service(), route('name: web, port: 8080', kind))).toHaveLength(1)
      expect(said('route-leads-nowhere', app(), service(), route('name: web, port: 80', kind))).toEqual([])
    }
  })

  test('but not to what is elsewhere, or no Service', () => {
    for (const each of [
      ingress('name: docs, port: { number: 80 }'),
      ingress('name: web, port: { name: use-annotation }'),
      route('name: assets, kind: Bucket, group: example.com'),
      route('name: web, namespace: other, port: 9000'),
    ]) {
      expect(
        said('route-leads-nowhere', app(), service().replace('name: web', 'namespace: shop, name: web'), each),
      ).toEqual([])
    }
  })

  test('an autoscaler of another kind or name', () => {
    expect(said('scaler-leads-nowhere', app(), scaler('', 'kind: StatefulSet, name: web'))).toEqual([
      'warning: There is no StatefulSet/web in these files; there is Deployment/web',
    ])
    expect(said('scaler-leads-nowhere', app(), keda('', 'type: cpu', 'name: wab'))).toEqual([
      'warning: There is no Deployment/wab in these files; there is `web`',
    ])
    expect(said('scaler-leads-nowhere', app(), scaler('', 'kind: Deployment, name: payments'))).toEqual([])
    expect(said('scaler-leads-nowhere', app(), scaler(''))).toEqual([])
  })

  test('and none of it where a part of the tree could not be followed', () => {
    const tree = (more: string) =>
      lint([
        { file: 'kustomization.yaml', text: `resources: [web.yaml]\n${more}` },
        { file: 'web.yaml', text: [app(), service(), ingress('name: webb, port: { number: 80 }')].join('---\n') },
      ]).findings.map(({ rule }) => rule)
    expect(tree('')).toContain('route-leads-nowhere')
    expect(tree('vars: [{ name: HOST, objref: { kind: Service, name: web, apiVersion: v1 } }]\n')).not.toContain(
      'route-leads-nowhere',
    )
  })
})

describe('variables', () => {
  const env = (list: string, ...more: string[]) => app({ container: [`env: [${list}]`, ...more] })

  test('of one name: the last one counts, also for the grace period', () => {
    const twice = (first: string, last: string) =>
      env(
        `{ name: TERMINATION_GRACE_PERIOD_SECONDS, value: "${first}" }, { name: TERMINATION_GRACE_PERIOD_SECONDS, value: "${last}" }`,
      )
    expect(found(twice('30', '60'))).toEqual(expect.arrayContaining(['warning env-twice', 'error grace-variable']))
    expect(found(twice('60', '30'))).toEqual(['warning env-twice'])
    expect(found(twice('30', '30'))).toEqual(['info env-twice'])
  })

  test('that are not replaced', () => {
    expect(said('env-unfilled', env('{ name: URL, value: "http://$(HOST)/" }'))).toEqual([
      'warning: Container `app` has no variable `HOST`: `$(HOST)` stays as it is written',
    ])
    expect(said('env-unfilled', env('{ name: URL, value: "http://$(HOST)/" }, { name: HOST, value: db }'))).toEqual([
      'warning: `HOST` is further down, in line 13: `$(HOST)` stays as it is written',
    ])
    expect(said('env-unfilled', env('{ name: A, value: b }', 'command: [./server, --port, $(PORT)]'))).toHaveLength(1)
  })

  test('that are replaced, or that are no variables', () => {
    for (const text of [
      env('{ name: HOST, value: db }, { name: URL, value: "http://$(HOST)/" }'),
      env('{ name: URL, value: "http://$(REDIS_SERVICE_HOST):$(REDIS_SERVICE_PORT)/" }'),
      env('{ name: URL, value: "http://$$(HOST)/" }'),
      env('{ name: URL, value: "http://$(HOST)/" }', 'envFrom: [{ configMapRef: { name: web } }]'),
      env('{ name: A, value: b }', 'command: [sh, -c, "exec ./server --host $(hostname)"]'),
      env('{ name: A, value: b }', 'command: [sh, -c, "exec ./server --host $(HOSTNAME)"]'),
      env(
        '{ name: POD_IP, valueFrom: { fieldRef: { fieldPath: status.podIP } } }',
        'command: [./server, --ip, $(POD_IP)]',
      ),
    ]) {
      expect(said('env-unfilled', text)).toEqual([])
    }
  })
})

describe('nodes that go', () => {
  const onSpot = (selector: string, seconds: number, grace = '') =>
    app({
      pod: [`nodeSelector: { ${selector} }`, ...(grace === '' ? [] : [`terminationGracePeriodSeconds: ${grace}`])],
      container: [`lifecycle: { preStop: { sleep: { seconds: ${seconds} } } }`],
    })

  test.each([
    ['karpenter.sh/capacity-type: spot', 'AWS', 120],
    ['eks.amazonaws.com/capacityType: SPOT', 'AWS', 120],
    ['cloud.google.com/gke-spot: "true"', 'Google', 15],
    ['kubernetes.azure.com/scalesetpriority: spot', 'Azure', 30],
  ])('%s', (selector, who, notice) => {
    expect(said('grace-exceeds-notice', onSpot(selector, notice, '600'))).toEqual([
      expect.stringContaining(`warning: The hook takes ${notice} s, but ${who} takes a spot node`),
    ])
    expect(said('grace-exceeds-notice', onSpot(selector, 5, '600'))).toEqual([
      expect.stringContaining('info: The grace period is 600 s'),
    ])
    expect(said('grace-exceeds-notice', onSpot(selector, 5))).toEqual([])
  })

  test('by an affinity that leaves no other node', () => {
    const affinity = (values: string) =>
      app({
        pod: [
          'terminationGracePeriodSeconds: 300',
          `affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [{ key: karpenter.sh/capacity-type, operator: In, values: [${values}] }] }] } } }`,
        ],
      })
    expect(said('grace-exceeds-notice', affinity('spot'))).toHaveLength(1)
    expect(said('grace-exceeds-notice', affinity('spot, on-demand'))).toEqual([])
  })

  test('when an autoscaler of nodes takes them', () => {
    const long = (grace: number, annotations = '') =>
      app({ pod: [`terminationGracePeriodSeconds: ${grace}`] }).replace(
        'labels: { app: web } }',
        `labels: { app: web }, annotations: { ${annotations} } }`,
      )
    expect(said('grace-exceeds-node', long(3600))).toEqual([
      'info: The grace period is 3600 s, but the cluster autoscaler removes the node after 600 s (`--max-graceful-termination-sec`, the default)',
    ])
    expect(said('grace-exceeds-node', long(600))).toEqual([])
    expect(said('grace-exceeds-node', long(3600, 'cluster-autoscaler.kubernetes.io/safe-to-evict: "false"'))).toEqual(
      [],
    )
    const autoscaler = app({
      name: 'cluster-autoscaler',
      container: ['command: [./cluster-autoscaler, --max-graceful-termination-sec=1200]'],
    })
    expect(said('grace-exceeds-node', long(1000), autoscaler)).toEqual([])
    expect(said('grace-exceeds-node', long(1500), autoscaler)).toEqual([
      expect.stringMatching(/^warning: .* after 1200 s/),
    ])
    const pool =
      'apiVersion: karpenter.sh/v1\nkind: NodePool\nmetadata: { name: all }\nspec: { template: { spec: { terminationGracePeriod: 1h30m } } }\n'
    expect(said('grace-exceeds-node', long(3600), pool)).toEqual([])
    expect(said('grace-exceeds-node', long(6000), pool)).toEqual([
      'warning: The grace period is 6000 s, but Karpenter (NodePool/all) removes the node after 5400 s (`terminationGracePeriod`)',
    ])
  })
})

test('pods that nothing keeps apart are told once for all', () => {
  const spread = ['topologySpreadConstraints: [{ maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule }]']
  const names = ['a', 'b', 'c', 'd', 'e', 'f']
  const services = names.map((name) => service(name).replace('app: web', `app: ${name}`))
  expect(said('no-spread', ...names.map((name) => app({ name })), ...services)).toEqual([
    'info: Nothing spreads the pods of Deployment/a, Deployment/b, Deployment/c and 3 others over several nodes',
  ])
  expect(said('no-spread', app({ pod: spread }), service())).toEqual([])
  expect(said('no-spread', app({ replicas: 1 }), service())).toEqual([])
  expect(said('no-spread', app())).toEqual([])
})

test('a probe of a port that no container lists, and of the port of the Service', () => {
  const probe = (port: number, ports = '[{ containerPort: 8080 }]') =>
    said(
      'probe-port',
      app({ container: [`ports: ${ports}`, `readinessProbe: { httpGet: { path: /ready, port: ${port} } }`] }),
      service(),
    )
  expect(probe(9000)).toEqual(['info: The probe calls port 9000, which no container lists; listed are 8080'])
  expect(probe(80)).toEqual([
    'warning: Port 80 is the port of the Service, but the kubelet calls the container, which lists 8080',
  ])
  expect(probe(8080)).toEqual([])
  expect(probe(9000, '[]')).toEqual([])
})

test('a job whose next pod starts before the old one has ended', () => {
  const job = (grace: number, more = '') =>
    `apiVersion: batch/v1\nkind: Job\nmetadata: { name: import }\nspec:\n  ${more}template:\n    spec: { restartPolicy: Never, terminationGracePeriodSeconds: ${grace}, containers: [{ name: a, image: a:1 }] }\n`
  expect(found(job(300))).toEqual(['info job-overlaps'])
  expect(found(job(30))).toEqual([])
  expect(found(job(300, 'podReplacementPolicy: Failed\n  '))).toEqual([])
})

describe('what there must not be two of', () => {
  const claim = (mode: string) =>
    `apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: { name: data }\nspec: { accessModes: [${mode}], resources: { requests: { storage: 1Gi } } }\n`
  const volume = ['volumes: [{ name: data, persistentVolumeClaim: { claimName: data } }]']
  const rolling = ['strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } }']
  const postgres = (spec: readonly string[], pod: readonly string[] = volume) =>
    app({ replicas: 1, image: 'postgres:16', spec, pod, container: ['ports: [{ containerPort: 5432 }]'] })
  const front = service('web', 'ports: [{ port: 5432 }]')
  const advice = (...texts: readonly string[]) =>
    findings(...texts)
      .map(({ fix }) => fix ?? '')
      .join('\n')

  test('a database with a volume is never advised to start a second one', () => {
    for (const texts of [
      [postgres(rolling), front],
      [postgres(rolling), front, claim('ReadWriteOnce')],
      [postgres(['strategy: { type: Recreate }']), front],
      [postgres([]), front, budget('minAvailable: 1')],
      [postgres(rolling, []), front],
    ]) {
      expect(advice(...texts)).not.toMatch(/maxSurge|RollingUpdate|replicas: 2/)
      expect(found(...texts).join()).not.toContain('rollout-takes-last')
    }
  })

  test('nor what keeps data of its own', () => {
    const stateful = app({
      kind: 'StatefulSet',
      replicas: 1,
      spec: [
        'serviceName: web',
        'updateStrategy: { type: OnDelete }',
        'volumeClaimTemplates: [{ metadata: { name: data }, spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Gi } } } }]',
      ],
    })
    expect(advice(stateful, service(), budget('minAvailable: 1'))).not.toMatch(/maxSurge|RollingUpdate|replicas: 2/)
  })

  test('a rolling update with a volume for one node is told, and Recreate is not', () => {
    expect(said('rollout-shares-volume', postgres(rolling), claim('ReadWriteOnce'))).toEqual([
      'warning: The new pod starts while the old one still uses the volume: `maxSurge` is 1',
    ])
    expect(said('rollout-shares-volume', postgres([]))).toHaveLength(1)
    for (const texts of [
      [postgres(['strategy: { type: Recreate }']), claim('ReadWriteOnce')],
      [postgres(['strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } }']), claim('ReadWriteOnce')],
      [app({ pod: volume }), claim('ReadWriteMany')],
      [app({ pod: volume })],
    ]) {
      expect(said('rollout-shares-volume', ...texts)).toEqual([])
    }
  })
})

describe('no finding where there is no mistake', () => {
  test('a liveness probe asks the same only with the same question', () => {
    const probes = (query: string) =>
      said(
        'liveness-kills',
        app({
          container: [
            `livenessProbe: { httpGet: { path: "/healthz${query}", port: 80 } }`,
            'readinessProbe: { httpGet: { path: /healthz, port: 80 } }',
          ],
        }),
        service(),
      )
    expect(probes('?full=true')).toEqual([])
    expect(probes('')).toHaveLength(1)
  })

  test('Recreate is no outage where only metrics are asked for', () => {
    const recreated = app({ spec: ['strategy: { type: Recreate }'] })
    expect(said('rollout-recreate', recreated, service('web-metrics', 'ports: [{ port: 9090 }]'))).toEqual([])
    expect(said('rollout-recreate', recreated, service('web', 'ports: [{ name: http-metrics, port: 9090 }]'))).toEqual(
      [],
    )
    expect(said('rollout-recreate', recreated, service())).toHaveLength(1)
  })

  test('a port that a pipeline fills in is no error', () => {
    expect(found(app({ container: ['ports: [{ containerPort: PORT }]'] }))).toEqual(['warning wrong-type'])
    expect(found(app({ container: ['ports: [{ containerPort: http }]'] }))).toEqual(['error wrong-type'])
  })
})
