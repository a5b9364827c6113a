import { readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { fix, lint, readSources } from '../src/index.js'
import { read } from '../src/read/reading.js'
import { directory } from './directory.js'

const trees = join(__dirname, 'trees')

function treesIn(name: string): ReturnType<typeof read> {
  const { sources } = readSources([join(trees, name)])
  return read(sources.map(({ file, text }) => ({ file: relative(trees, file), text })))
}

/** What `kubectl kustomize` made of it (kustomize 5.5.0), by kind and name. */
function builtBy(root: string): Record<string, unknown> {
  const text = readFileSync(join(trees, `${root.replaceAll('/', '-')}.built.yaml`), 'utf8')
  return byName(parseAllDocuments(text).map((document) => document.toJS()))
}

function byName(objects: readonly unknown[]): Record<string, unknown> {
  return Object.fromEntries(
    objects.map((object) => {
      const { kind, metadata } = object as { kind: string; metadata: { name: string } }
      return [`${kind}/${metadata.name}`, object]
    }),
  )
}

test.each(['shop/overlays/prod', 'shop/overlays/dev', 'legacy/live', 'orders/live'])(
  '%s is the objects that kustomize builds from it',
  (root) => {
    const { worlds } = treesIn(root.split('/')[0] as string)
    const world = worlds.find(({ name }) => name === root)
    expect(byName(world?.resources.map(({ place }) => place.value) ?? [])).toEqual(builtBy(root))
  },
)

test('a base, a component and a patch are judged in what is built from them, and not for themselves', () => {
  expect(treesIn('shop').worlds.map(({ name }) => name)).toEqual(['shop/overlays/dev', 'shop/overlays/prod'])
})

/** A base and its overlays, with a Service in front. */
function tree(files: Readonly<Record<string, string>>): Array<{ file: string; text: string }> {
  const base = {
    'base/kustomization.yaml': 'resources: [web.yaml]\nlabels: [{ pairs: { app: web }, includeSelectors: true }]\n',
    'base/web.yaml': `apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 2
  template:
    spec:
      terminationGracePeriodSeconds: 30
      containers:
        - name: web
          image: web:1
          ports: [{ containerPort: 80 }]
          readinessProbe: { httpGet: { path: /readyz, port: 80 }, failureThreshold: 1 }
          lifecycle: { preStop: { sleep: { seconds: 5 } } }
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { ports: [{ port: 80 }] }
`,
  }
  return Object.entries({ ...base, ...files }).map(([file, text]) => ({ file, text }))
}

const overlay = (more: string) => `resources: [../base]\n${more}`

function found(files: ReadonlyArray<{ file: string; text: string }>): string[] {
  return lint(files)
    .findings.filter(({ severity }) => severity !== 'info')
    .map(({ file, line, rule, resource, builds = [] }) => [`${file}:${line}`, rule, resource, ...builds].join(' '))
}

test('a hook that a patch makes too long is found in the patch, against the grace period of the base', () => {
  const files = tree({
    'prod/kustomization.yaml': overlay('namePrefix: prod-\npatches: [{ path: hook.yaml }]\n'),
    'prod/hook.yaml': `apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  template:
    spec:
      containers:
        - name: web
          lifecycle:
            preStop: { sleep: { seconds: 40 } }
`,
    'dev/kustomization.yaml': overlay(''),
  })
  expect(found(files)).toEqual(['prod/hook.yaml:10 hook-outlasts-grace Deployment/prod-web'])
})

test('a hook in a patch that stands in the kustomization is found in its line there', () => {
  const files = tree({
    'prod/kustomization.yaml': overlay(`patches:
  - target: { kind: Deployment }
    patch: |-
      - op: replace
        path: /spec/template/spec/containers/0/lifecycle/preStop
        value: { sleep: { seconds: 40 } }
`),
  })
  expect(found(files)).toEqual(['prod/kustomization.yaml:7 hook-outlasts-grace Deployment/web'])
})

test('a mistake in a base is reported once, whatever is built from it, and can be fixed there', () => {
  const files = tree({ 'prod/kustomization.yaml': overlay(''), 'dev/kustomization.yaml': overlay('') }).map(
    (source) => ({
      ...source,
      text: source.text.replace('lifecycle: { preStop', 'lifecycle: { prestop'),
    }),
  )
  expect(found(files)).toEqual([
    'base/web.yaml:10 no-hook Deployment/web',
    'base/web.yaml:14 unknown-key Deployment/web',
  ])
  const base = fix(files).find(({ source }) => source.file === 'base/web.yaml')
  expect(base?.text).toContain('lifecycle: { preStop')
})

test('what a base has wrong in one build only is told with that build, and is not edited for it', () => {
  const files = tree({
    'prod/kustomization.yaml': overlay('patches: [{ path: grace.yaml }]\n'),
    'prod/grace.yaml':
      'apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: web }\nspec: { template: { spec: { terminationGracePeriodSeconds: 5 } } }\n',
    'dev/kustomization.yaml': overlay(''),
  })
  expect(found(files)).toEqual(['base/web.yaml:14 hook-outlasts-grace Deployment/web prod'])
})

test('two builds are two clusters: a Service of one sends to no pod of the other', () => {
  const edge = `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: web, annotations: { alb.ingress.kubernetes.io/target-type: ip } }
spec:
  ingressClassName: alb
  defaultBackend: { service: { name: web, port: { number: 80 } } }
`
  const files = tree({
    'prod/kustomization.yaml': overlay('resources: [../base, edge.yaml]\n').replace('resources: [../base]\n', ''),
    'prod/edge.yaml': edge,
    'dev/kustomization.yaml': overlay(''),
  })
  expect(found(files).filter((each) => each.includes('hook'))).toEqual([
    'base/web.yaml:14 hook-shorter-than-settle Deployment/web prod',
  ])
})

test('directories that have the same object are alternatives, and what stands beside them goes with each', () => {
  const deployment = (seconds: number, grace: number) => `apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      terminationGracePeriodSeconds: ${grace}
      containers:
        - { name: web, image: web, ports: [{ containerPort: 80 }], lifecycle: { preStop: { sleep: { seconds: ${seconds} } } } }
`
  const files = [
    { file: 'deploy/aws/web.yaml', text: deployment(30, 60) },
    {
      file: 'deploy/aws/edge.yaml',
      text: 'apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: { name: web, annotations: { alb.ingress.kubernetes.io/target-type: ip } }\nspec: { ingressClassName: alb, defaultBackend: { service: { name: web } } }\n',
    },
    { file: 'deploy/kind/web.yaml', text: deployment(2, 30) },
    {
      file: 'deploy/service.yaml',
      text: 'apiVersion: v1\nkind: Service\nmetadata: { name: web }\nspec: { selector: { app: web }, ports: [{ port: 80 }] }\n',
    },
  ]
  expect(found(files).filter((each) => each.includes('hook') || each.includes('settle'))).toEqual([])
})

test('a patch that stands alone is not told of defaults that its base may not have', () => {
  const patch = (inner: string) => `apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec: { template: { spec: { ${inner} } } }
`
  const hook = 'lifecycle: { preStop: { sleep: { seconds: 45 } } }'
  for (const inner of [
    `containers: [{ name: web, ${hook} }]`,
    `containers: [{ name: web, image: 'web:2', ${hook} }]`,
  ]) {
    expect(found([{ file: 'patch.yaml', text: patch(inner) }])).toEqual([])
  }
})

test('a value that is filled in before Kubernetes sees it is neither of the wrong type nor the default', () => {
  const files = tree({
    'prod/kustomization.yaml': overlay('patches: [{ path: web.yaml }]\n'),
    'prod/web.yaml': `apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: \${REPLICAS:=1}
  strategy: { type: "\${STRATEGY}", rollingUpdate: { maxUnavailable: \${MOST} } }
  template:
    spec:
      terminationGracePeriodSeconds: \${GRACE}
      containers: [{ name: web, lifecycle: { preStop: { sleep: { seconds: 45 } } } }]
`,
  })
  expect(found(files)).toEqual([])
})

test('what is fetched from elsewhere is told of, as there may be more than is known', () => {
  const { skipped, worlds } = read(
    tree({ 'prod/kustomization.yaml': 'resources: [../base, "github.com/shop/base?ref=v1"]\n' }),
  )
  expect(skipped.map(({ what }) => what)).toEqual(['github.com/shop/base?ref=v1, which is fetched from elsewhere'])
  expect(worlds.map(({ isComplete }) => isComplete)).toEqual([false])
})

test('what a generator puts into a ConfigMap is no manifest, be it a shell script', () => {
  const at = directory({
    'kustomization.yaml': 'configMapGenerator: [{ name: scripts, files: [backup.sh, all=values.yaml] }]\n',
    'backup.sh': '#!/bin/sh\nset -e\nCODE="$1"\n  [ "$CODE" = 0 ]\n',
    'values.yaml': 'kind: Deployment\nspec: { replicas: "2" }\n',
  })
  const { findings, problems, skipped } = lint(readSources([at]).sources)
  expect([findings, problems, skipped]).toEqual([[], [], []])
})

test('with a file that is named comes what the kustomization beside it makes of it, and only that is told', () => {
  const files = tree({
    'prod/kustomization.yaml': overlay('patches: [{ path: hook.yaml }]\n'),
    'prod/hook.yaml':
      'apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: web }\nspec: { template: { spec: { containers: [{ name: web, lifecycle: { preStop: { sleep: { seconds: 40 } } } }] } } }\n',
  })
  const at = directory(Object.fromEntries(files.map(({ file, text }) => [file, text])))
  const { sources } = readSources([join(at, 'prod/hook.yaml')])
  expect(sources.map(({ file, context = false }) => [relative(at, file), context])).toEqual([
    ['prod/hook.yaml', false],
    ['prod/kustomization.yaml', true],
    ['base/kustomization.yaml', true],
    ['base/web.yaml', true],
  ])
  expect(found(sources)).toEqual([`${join(at, 'prod/hook.yaml')}:4 hook-outlasts-grace Deployment/web`])
  // The Service is nobody's that was named.
  expect(lint(sources).findings.every(({ resource }) => resource === 'Deployment/web')).toBe(true)
})
