import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { resolveOptions } from '@podrain/rehearsal'
import { describe, expect, test } from 'vitest'
import { readManifest } from '../src/workload-options.js'

/** A file with these objects. */
function manifest(text: string): string {
  const file = join(mkdtempSync(join(tmpdir(), 'podrain-manifest-')), 'app.yaml')
  writeFileSync(file, text)
  return file
}

const deployment = (spec: string, container: string) => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  selector: { matchLabels: { app: web } }
${spec}
  template:
    metadata: { labels: { app: web } }
    spec:
      terminationGracePeriodSeconds: 45
      containers:
        - name: app
          image: web
          ports: [{ name: http, containerPort: 8080 }, { name: admin, containerPort: 9090 }]
${container}
`

describe('what a manifest says', () => {
  test('is the hook with its headers, the probes with all their fields, and the grace period', () => {
    const { options } = readManifest(
      manifest(
        deployment(
          '  replicas: 10\n  minReadySeconds: 7',
          `          lifecycle:
            preStop: { httpGet: { path: /prestop, port: admin, httpHeaders: [{ name: Authorization, value: Bearer secret }] } }
          readinessProbe: { httpGet: { path: /readyz, port: http }, initialDelaySeconds: 3, successThreshold: 2 }
          livenessProbe: { exec: { command: [cat, /tmp/alive] }, failureThreshold: 4 }
          startupProbe: { tcpSocket: { port: http }, periodSeconds: 2 }`,
        ),
      ),
      undefined,
    )
    expect(options).toMatchObject({
      replicas: 10,
      maxSurge: '25%',
      maxUnavailable: '25%',
      minReadySeconds: 7,
      terminationGracePeriodSeconds: 45,
      preStop: { httpGet: { path: '/prestop', port: 9090, httpHeaders: { Authorization: 'Bearer secret' } } },
      livenessProbe: { exec: ['cat', '/tmp/alive'], failureThreshold: 4, periodSeconds: 10 },
      startupProbe: { path: null, periodSeconds: 2, failureThreshold: 3 },
    })
    // Its port is the app's own, which is another for each pod here.
    expect(options.readinessProbe).toEqual({
      path: '/readyz',
      scheme: 'HTTP',
      initialDelaySeconds: 3,
      periodSeconds: 10,
      timeoutSeconds: 1,
      successThreshold: 2,
      failureThreshold: 3,
    })
  })

  test.each([
    ['the one that it is told', '          env: [{ name: PORT, value: "3000" }]', 'PORT', 9000],
    ['the one that it is asked at', '', undefined, undefined],
  ])('without `ports` is that the port of the app is %s', (_, env, portEnv, port) => {
    const text = deployment('', `${env}\n          readinessProbe: { httpGet: { path: /readyz, port: 9000 } }`)
    const { options } = readManifest(manifest(text.replace(/ +ports: .*\n/, '')), undefined)
    expect(options.portEnv).toBe(portEnv)
    expect(options.env).toEqual({})
    expect(options.readinessProbe?.port).toBe(port)
  })

  test('is who is asked by HTTPS, and who by gRPC', () => {
    const { options, notPlayed } = readManifest(
      manifest(
        deployment(
          '',
          `          lifecycle: { preStop: { httpGet: { path: /prestop, port: http, scheme: HTTPS } } }
          readinessProbe: { grpc: { port: 8080 } }
          livenessProbe: { grpc: { port: 9090, service: shop.Offers } }
          startupProbe: { httpGet: { path: /started, port: admin, scheme: HTTPS } }`,
        ),
      ),
      undefined,
    )
    expect(options.preStop).toEqual({ httpGet: { scheme: 'HTTPS', path: '/prestop' } })
    expect(options.readinessProbe).toMatchObject({ grpc: {}, periodSeconds: 10 })
    expect(options.livenessProbe).toMatchObject({ grpc: { port: 9090, service: 'shop.Offers' } })
    expect(options.startupProbe).toMatchObject({ scheme: 'HTTPS', path: '/started', port: 9090 })
    expect(notPlayed).toEqual([])
  })

  test('is asked in plain HTTP where it says no scheme, whatever the app answers', () => {
    const probed = deployment('', '          readinessProbe: { httpGet: { path: /readyz, port: http } }')
    const { options } = readManifest(manifest(probed), undefined)
    const { readinessProbe } = resolveOptions({ command: 'node', ...options, tls: true })
    expect(readinessProbe).not.toHaveProperty('scheme')
  })

  test('is its command, its environment, and the variable that tells the port', () => {
    const file = manifest(
      deployment(
        '',
        `          command: [node, server.js]
          args: [--verbose]
          env:
            - { name: HTTP_PORT, value: "8080" }
            - { name: MODE, value: live }
            - { name: TITLE, value: $(MODE) mode }
            - { name: PASSWORD, valueFrom: { secretKeyRef: { name: db, key: password } } }`,
      ),
    )
    const { options, notPlayed } = readManifest(file, undefined)
    expect(options).toMatchObject({ command: 'node', args: ['server.js', '--verbose'], portEnv: 'HTTP_PORT' })
    expect(options.env).toEqual({ MODE: 'live', TITLE: 'live mode' })
    expect(notPlayed).toEqual(['variables from elsewhere (PASSWORD): give them with --env'])
    expect(readManifest(file, undefined, { PASSWORD: 'x' }).notPlayed).toEqual([])
  })

  test('is that there is no hook and no probe, when it has none', () => {
    const { options } = readManifest(manifest(deployment('', '')), undefined)
    expect('preStop' in options).toBe(true)
    expect(options.preStop).toBeUndefined()
    expect(options.readinessProbe).toBeNull()
  })

  test('is the order of a StatefulSet, with its partition', () => {
    const strategy = '  replicas: 5\n  updateStrategy: { rollingUpdate: { partition: 2, maxUnavailable: 2 } }'
    const set = deployment(strategy, '').replace('kind: Deployment', 'kind: StatefulSet')
    const { options, notPlayed } = readManifest(manifest(set), undefined)
    expect(options).toMatchObject({ workload: 'StatefulSet', partition: 2, maxSurge: 0, maxUnavailable: 2 })
    expect(resolveOptions({ command: 'node', ...options })).toMatchObject({ partition: 2, maxUnavailable: 2 })
    expect(notPlayed).toEqual([])
  })

  test.for([
    [
      'StatefulSet',
      '  updateStrategy: { type: OnDelete }',
      /^`updateStrategy.type: OnDelete`, .*: played as RollingUpdate$/,
    ],
    ['DaemonSet', '', /^the nodes of a DaemonSet: played as a Deployment/],
  ] as const)('is played as what comes closest, and said, of a %s with%s', ([kind, strategy, told]) => {
    const set = deployment(strategy, '').replace('kind: Deployment', `kind: ${kind}`)
    const { options, notPlayed } = readManifest(manifest(set), undefined)
    expect(options).toMatchObject({ maxSurge: 0, maxUnavailable: 1 })
    expect(notPlayed).toEqual([expect.stringMatching(told)])
  })

  test('does not include its readiness gates, and the plan says so', () => {
    const gates = 'readinessGates: [{ conditionType: example.com/registered }]'
    const text = deployment('', '').replace('terminationGracePeriodSeconds: 45', gates)
    expect(readManifest(manifest(text), undefined).notPlayed).toEqual([
      'readiness gates (example.com/registered): there a new pod counts as ready, and an old one goes, only when they are met, too',
    ])
  })
})

describe('which container is meant', () => {
  const two = manifest(`${deployment('', '')}---${deployment('', '').replace('name: web }', 'name: api }')}`)

  test('has to be said when there are several, and the message names them', () => {
    expect(() => readManifest(two, undefined)).toThrow(
      /more than one container in .*\n {2}--container Deployment\/web\/app\n {2}--container Deployment\/api\/app$/,
    )
  })

  test('can be said by the object, or by object and container', () => {
    expect(readManifest(two, 'Deployment/api').options.name).toBe('Deployment/api')
    expect(readManifest(two, 'Deployment/web/app').options.name).toBe('Deployment/web')
  })

  test('is an error with the names there are when it is not there', () => {
    expect(() => readManifest(two, 'nobody')).toThrow(/no container nobody in .*\n {2}--container Deployment\/web\/app/)
  })

  test('is an error that names line and column when the file is no YAML', () => {
    expect(() => readManifest(manifest('kind: [Deployment\n'), undefined)).toThrow(/app\.yaml:\d+:\d+: /)
  })
})
