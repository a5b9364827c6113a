import { readFile, writeFile } from 'node:fs/promises'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { drainServer } from '@podrain/core'
import { lint, ruleIds, writePolicies } from '@podrain/manifests'
import { describe, expect, test } from 'vitest'
import { directory, fixture, podrain, start } from './support.js'

/** A Deployment; what its pod has besides. */
const deployment = (pod: string) => `apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
${pod}`

const bad = deployment(`      containers:
        - name: web # the app
          image: web:1
          command: ["npm", "start"]
          lifecycle:
            prestop: { sleep: { seconds: 5 } }
`)

async function file(text: string, name = 'web.yaml'): Promise<string> {
  const at = join(await directory(), name)
  await writeFile(at, text)
  return at
}

/** Runs it with a text on standard input. */
function piped(args: readonly string[], text: string) {
  const { child, done } = start(args)
  child.stdin.end(text)
  return done
}

describe.concurrent('podrain lint', () => {
  test('tells what is wrong with file, line and column, and ends with 1', async () => {
    const at = await file(bad)
    const { code, stdout, stderr } = await podrain(['lint', at])
    expect(stderr).toBe('')
    expect(stdout).toContain(`${at}:13:11 warning Container \`web\` starts \`npm start\``)
    expect(stdout).toContain(`${at}:15:13 error`)
    expect(stdout).toMatch(/1 error, 1 warning in 1 document\.\n$/)
    expect(code).toBe(1)
  })

  test('reads standard input', async () => {
    const { code, stdout } = await piped(['lint', '-'], bad)
    expect(stdout).toContain('<stdin>:15:13 error')
    expect(code).toBe(1)
  })

  test('reads all of a standard input of megabytes that comes in pieces', async () => {
    const line = `    ${'x'.repeat(200)}\n`
    const large = `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: page }\ndata:\n  page: |\n${line.repeat(20_000)}`
    const { child, done } = start(['lint', '-'])
    child.stdin.write(large.slice(0, 1_000_000))
    child.stdin.write(large.slice(1_000_000))
    child.stdin.end(`---\n${bad}`)
    const { code, stdout } = await done
    expect(stdout).toContain('<stdin>:20019:11 warning Container `web` starts `npm start`')
    expect(stdout).toMatch(/1 error, 1 warning in 2 documents\.\n$/)
    expect(code).toBe(1)
  })

  test.each(['', '\n', '# rendered from nothing\n---\n'])(
    'a standard input without a manifest (%j) is not green: the command before the pipe may have failed',
    async (text) => {
      const { code, stdout, stderr } = await piped(['lint', '-'], text)
      expect(stdout).toBe('')
      expect(stderr).toBe('error: There is no manifest in standard input: did the command before the pipe fail?\n')
      expect(code).toBe(2)
    },
  )

  test('an empty file beside others is skipped', async () => {
    const [empty, at] = [await file(''), await file(bad.replace('npm', 'node').replace('prestop', 'preStop'))]
    expect(await podrain(['lint', empty, at])).toMatchObject({ code: 0 })
  })

  test('ends with 0 unless there is something as bad as --fail-on', async () => {
    const at = await file(`${bad.replace('          command: ["npm", "start"]\n', '').replace('prestop', 'preStop')}---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { selector: { app: web }, ports: [{ port: 80 }] }
`)
    expect(await podrain(['lint', at])).toMatchObject({ code: 0 })
    expect(await podrain(['lint', at, '--fail-on', 'warning'])).toMatchObject({ code: 1 })
  })

  test('--fix fixes what is safe to fix, and reports the rest', async () => {
    const at = await file(bad)
    const { code, stdout, stderr } = await podrain(['lint', at, '--fix'])
    expect(stderr).toBe(`fixed ${at}\n`)
    expect(await readFile(at, 'utf8')).toBe(bad.replace('prestop', 'preStop'))
    expect(stdout).toContain('1 warning in 1 document')
    expect(code).toBe(0)
  })

  test('--fix of standard input writes the text to stdout, and what is left to stderr', async () => {
    const { stdout, stderr } = await piped(['lint', '-', '--fix'], bad)
    expect(stdout).toBe(bad.replace('prestop', 'preStop'))
    expect(stderr).toContain('1 warning in 1 document')
  })

  test('is heard by programs: JSON, SARIF, GitHub', async () => {
    const at = await file(bad)
    const runs = await Promise.all(
      ['json', 'sarif', 'github'].map((format) => podrain(['lint', at, '--format', format])),
    )
    expect(runs.map(({ code }) => code)).toEqual([1, 1, 1])
    const [json, sarif, github] = runs.map(({ stdout }) => stdout)
    expect(JSON.parse(json ?? '').findings).toHaveLength(2)
    expect(JSON.parse(sarif ?? '').runs[0].results).toHaveLength(2)
    expect(github).toMatch(/^::warning file=.*,line=13,/)
  })

  test('--rules lists every rule', async () => {
    const { code, stdout } = await podrain(['lint', '--rules'])
    expect(code).toBe(0)
    for (const id of ruleIds) expect(stdout).toMatch(new RegExp(`^  ${id} `, 'm'))
  })

  test('a config file silences a rule with a reason', async () => {
    const [at, config] = [
      await file(bad),
      await file('lint: { ignore: [{ rule: package-manager, reason: a wrapper }] }', 'podrain.yaml'),
    ]
    const { stdout } = await podrain(['lint', at, '--config', config])
    expect(stdout).toContain('1 error in 1 document; 1 ignored.')
  })

  test.for<[what: string, args: (at: string) => string[], message: RegExp]>([
    ['nothing to look at', () => ['lint'], /No file\..*podrain lint k8s\//s],
    ['a file that is not there', () => ['lint', 'no-such.yaml'], /There is no file or directory no-such\.yaml\n/],
    ['a directory without a manifest', () => ['lint', fixture('')], /There is no manifest in .*fixtures/],
    [
      'an object that is chosen for no comparison',
      (at) => ['lint', at, '--resource', 'Deployment/web'],
      /`--resource` goes with `--against URL` only/,
    ],
    ['an empty file', (at) => ['lint', at.replace('broken', 'empty')], /There is no manifest in .*empty\.yaml\n/],
    ['a file that is no YAML', (at) => ['lint', at], /^error: .*broken\.yaml:\d+:\d+: /m],
    ['a config with a mistake', (at) => ['lint', at, '--config', at], /broken\.yaml:\d+:\d+: /],
    ['an unknown format', (at) => ['lint', at, '--format', 'xml'], /Allowed choices are human, json, sarif, github/],
    ['a duration without unit', (at) => ['lint', at, '--longest-request', '30'], /It needs a unit: 30s or 30ms/],
    [
      'an app that is not there',
      (at) => ['lint', at.replace('broken', 'right'), '--against', 'http://127.0.0.1:9/drainz'],
      /--against: http:\/\/127\.0\.0\.1:9\/drainz: /,
    ],
  ])('%s ends with 2 and says so', async ([, args, message]) => {
    const at = await file('a: [1\n', 'broken.yaml')
    await writeFile(at.replace('broken', 'right'), bad)
    await writeFile(at.replace('broken', 'empty'), '')
    const { code, stderr } = await podrain(args(at))
    expect(stderr).toMatch(message)
    expect(stderr).not.toMatch(/\bat .*:\d+:\d+\)/)
    expect(code).toBe(2)
  })
})

describe.concurrent('podrain lint --against', () => {
  const manifest = (grace: number, path = '/prestop') =>
    deployment(`      terminationGracePeriodSeconds: ${grace}
      containers:
        - name: web
          image: web:1
          env: [{ name: TERMINATION_GRACE_PERIOD_SECONDS, value: "${grace}" }]
          lifecycle: { preStop: { httpGet: { path: ${path}, port: 8080 } } }
          readinessProbe: { httpGet: { path: /readyz, port: 8080 }, periodSeconds: 1, failureThreshold: 1 }
          livenessProbe: { httpGet: { path: /alive, port: 8080 } }
`)

  /** A running app with podrain that has told it a grace period. */
  async function app<T>(terminationGracePeriodSeconds: number, use: (url: string) => Promise<T>): Promise<T> {
    const server = http.createServer((_, response) => response.writeHead(404).end())
    const drain = drainServer(server, {
      platform: 'kubernetes',
      terminationGracePeriodSeconds,
      logger: false,
      signals: false,
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    try {
      return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}/drainz`)
    } finally {
      expect(drain.state).toBe('serving')
      await drain.dispose()
      server.close()
      server.closeAllConnections()
    }
  }

  test('finds an app with another grace period, and a path that the app does not have; it drains nothing', async () => {
    const at = await file(manifest(30))
    const { code, stdout } = await app(60, (url) => podrain(['lint', at, '--against', url]))
    expect(stdout).toContain(
      'The app assumes 60 s, but `terminationGracePeriodSeconds` is 30: SIGKILL comes 30 s before the end of the drain [against]',
    )
    expect(stdout).toContain('The app has nothing at `/alive` (404): the livenessProbe fails [against]')
    expect(code).toBe(1)
  })

  test('finds a hook that the app has elsewhere', async () => {
    const at = await file(manifest(30, '/admin/prestop'))
    const { stdout } = await app(30, (url) => podrain(['lint', at, '--against', url]))
    expect(stdout).toContain('The app has no hook at `/admin/prestop`: it answers HEAD with 404')
    expect(stdout).not.toContain('The app assumes')
  })

  test('finds nothing where both agree', async () => {
    const at = await file(manifest(30).replace('/alive', '/livez'))
    const { code, stdout } = await app(30, (url) => podrain(['lint', at, '--against', url]))
    expect(stdout).toBe('Nothing found in 1 document.\n')
    expect(code).toBe(0)
  })

  test('adds up what the app has, and knows what routes to the pod by the files', async () => {
    const alb = `${manifest(60)}---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { selector: { app: web }, ports: [{ port: 80, targetPort: 8080 }] }
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: shop, annotations: { alb.ingress.kubernetes.io/target-type: ip } }
spec: { ingressClassName: alb, defaultBackend: { service: { name: web, port: { number: 80 } } } }
`
    const at = await file(alb)
    const { stdout } = await app(60, (url) => podrain(['lint', at, '--against', url, '--longest-request', '50s']))
    expect(stdout).toContain(
      "The app waits 5 s (behind 'kube-proxy'), but aws-alb needs 30 s to stop routing to the pod: Ingress/shop (class alb) [against]",
    )
    expect(stdout).toContain(
      'settle 5 s + longest request 50 s + closing 5 s + reserve 1 s = 61 s, but `terminationGracePeriodSeconds` is 60 [against]',
    )
  })

  test('leaves alone what is on another port than the control endpoints', async () => {
    const at = await file(manifest(30).replace('/alive, port: 8080', '/alive, port: 3000'))
    const { code, stdout } = await app(30, (url) => podrain(['lint', at, '--against', url]))
    expect(stdout).toBe('Nothing found in 1 document.\n')
    expect(code).toBe(0)
  })

  test('is silenced by the config file like any rule', async () => {
    const at = await file(manifest(30).replace('/alive', '/livez'))
    const config = await file('lint: { ignore: [{ rule: against, reason: a canary with more time }] }', 'podrain.yaml')
    const run = await app(60, (url) => podrain(['lint', at, '--against', url, '--config', config, '--format', 'json']))
    expect(JSON.parse(run.stdout)).toMatchObject({
      findings: [],
      ignored: [{ rule: 'against', reason: 'a canary with more time', by: 'caller' }],
    })
    expect(run.code).toBe(0)
  })

  test('asks which one it is', async () => {
    const at = await file(`${manifest(30)}---\n${manifest(30).replaceAll('web', 'api')}`)
    const { code, stderr } = await app(30, (url) => podrain(['lint', at, '--against', url]))
    expect(stderr).toBe('error: --against: which of Deployment/web, Deployment/api is it? Say --resource\n')
    expect(code).toBe(2)
    const one = await app(30, (url) => podrain(['lint', at, '--against', url, '--resource', 'Deployment/api']))
    expect(one.stdout.match(/\[against\]/g)).toHaveLength(1)
  })
})

describe.concurrent('podrain policy', () => {
  test('with --defaults completes pods, with the ConfigMap that is named', async () => {
    const { code, stdout } = await podrain(['policy', '--defaults', 'drain-defaults'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^kind: MutatingAdmissionPolicy$/m)
    expect(stdout).toContain("'name': dyn('drain-defaults')")
    const refused = await podrain(['policy', '--defaults', '--action', 'deny'])
    expect(refused.code).toBe(2)
    expect(refused.stderr).toContain("option '--defaults [config-map]' cannot be used with option '--action <name>'")
  })

  test('writes policies that warn, in all namespaces', async () => {
    const { code, stdout } = await podrain(['policy'])
    expect(code).toBe(0)
    expect(stdout).toBe(writePolicies())
  })

  test('writes what it is told to', async () => {
    const labels = ['--namespace-labels', 'env=production', 'team=shop']
    const { stdout } = await podrain(['policy', '--action', 'deny', '--failure-policy', 'ignore', ...labels])
    const namespaceLabels = { env: 'production', team: 'shop' }
    expect(stdout).toBe(writePolicies({ action: 'deny', failurePolicy: 'ignore', namespaceLabels }))
  })

  test('refuses what is no label', async () => {
    const { code, stderr } = await podrain(['policy', '--namespace-labels', 'production'])
    expect(stderr).toContain('It takes NAME=value.')
    expect(code).toBe(2)
  })
})

describe.concurrent('podrain manifest', () => {
  test('writes a patch under a name that lint does not take for its settings', async () => {
    const { stdout } = await podrain(['manifest', '--name', 'orders', '--kind', 'kustomize'])
    const [, name = ''] = /path: (\S+) /.exec(stdout) ?? []
    const at = await file(stdout, name)
    expect(await podrain(['lint', dirname(at)])).toMatchObject({
      code: 0,
      stdout: 'Nothing found in 1 document.\n',
    })
  })

  test('writes what lint finds nothing in', async () => {
    const { code, stdout } = await podrain([
      'manifest',
      '--name',
      'orders',
      '--behind',
      'aws-alb',
      '--longest-request',
      '30s',
      '--replicas',
      '4',
    ])
    expect(code).toBe(0)
    expect(stdout).toContain('terminationGracePeriodSeconds: 66')
    expect(lint([{ file: 'orders.yaml', text: stdout }])).toMatchObject({ findings: [], problems: [], documents: 3 })
  })

  test('writes files where it is told to, and none over another', async () => {
    const at = join(await directory(), 'charts', 'podrain')
    const args = ['manifest', '--name', 'orders', '--kind', 'helm-library', '--out', at]
    const { code, stdout, stderr } = await podrain(args)
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
    const files = ['Chart.yaml', 'values.yaml', 'templates/_helpers.tpl', 'README.md'].map((name) => join(at, name))
    expect(stderr).toBe(files.map((name) => `written ${name}\n`).join(''))
    for (const name of files) expect(await readFile(name, 'utf8')).toContain('podrain')
    expect(await podrain(args)).toMatchObject({ code: 2, stderr: `error: --out: ${files[0]} is there already\n` })
  })

  test.for<[args: string[], message: string]>([
    [[], "required option '--name <name>' not specified"],
    [['--name', 'A b'], 'Expected `--name` to be a name in lower case'],
    [['--name', 'a', '--port', '0'], 'Expected `--port` to be a port from 1 to 65535, got `0`'],
    [
      ['--name', 'a', '--hook', 'control-port', '--control-port', '8080'],
      'Expected `--control-port` to be another port than `--port`',
    ],
    [['--name', 'a', '--kind', 'helm-library'], '`--kind helm-library` is 4 files'],
    [['--name', 'a', '--control-port', '9100'], '`--control-port` goes with `--hook control-port` only'],
    [
      ['--name', 'a', '--behind', 'aws-nlb', '--hook', 'http'],
      'Expected `--hook` to be control-port or exec behind aws-nlb',
    ],
  ])('refuses %j in the words of the command line', async ([args, message]) => {
    const { code, stdout, stderr } = await podrain(['manifest', ...args])
    expect(stdout).toBe('')
    expect(stderr).toContain(message)
    expect(code).toBe(2)
  })
})
