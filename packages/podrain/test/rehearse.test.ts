import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Rehearsal } from '@podrain/rehearsal'
import { describe, expect, test } from 'vitest'
import { app, directory, fixture, podrain, short } from './support.js'

const example = (name: string) => join(__dirname, '..', '..', '..', 'examples', name)

describe.concurrent('podrain rehearse', () => {
  test('of an app that ends at once says what was lost, on stdout, and exits with 1', async () => {
    const { code, stdout, stderr } = await podrain(['rehearse', ...short, ...app])
    expect(code).toBe(1)
    expect(stdout).toMatch(/readiness +GET \/readyz every 0.1 s \(found in the app; --ready PATH\)/)
    expect(stdout).toMatch(/hook +none; grace period 30 s \(add --prestop HOOK when your manifest has one\)/)
    expect(stdout).toMatch(/\d+ × refused/)
    expect(stdout).toMatch(/^\d+ of \d+ requests lost\b.*\.$/m)
    expect(stderr).toMatch(/^node app.mjs: rolling update, \d+ requests, 0 lost$/m)
  })

  test('of an app that ends when no request arrives any more exits with 0', async () => {
    const { code, stdout } = await podrain(['rehearse', ...short, ...app], { ENDING: 'when nobody asks any more' })
    expect(stdout).toMatch(/^Nothing lost: all \d+ requests were answered\b/m)
    expect(code).toBe(0)
  })

  test('calls it by its command, without directories and with code as it is', async () => {
    const named = async (...command: string[]) => {
      const { stdout } = await podrain([
        'rehearse',
        '--timeout',
        '1ms',
        '--ready',
        'tcp',
        '--junit',
        '-',
        '--',
        ...command,
      ])
      return /testsuite name="podrain rehearse: ([^"]*)"/.exec(stdout)?.[1]
    }
    expect(await named('/no/such/node', '--env=a/b', 'examples/server.js')).toBe('node --env=a/b server.js')
    expect(await named('/no/such/sh', '-c', 'exec node ./dist/main.js && x(a/b)')).toBe(
      'sh -c exec node main.js &amp;&amp; x(a/b)',
    )
  })

  test('exits with 0 when no more was lost than allowed', async () => {
    const { code, stdout } = await podrain(['rehearse', '--allow-lost', '100000', ...short, ...app])
    expect(stdout).toMatch(/^\d+ of \d+ requests lost\b.*; 100000 are allowed\.$/m)
    expect(code).toBe(0)
  })

  test('finds podrain in an app, and calls its hook without being told', async () => {
    const flags = ['--replicas', '1', '--warm-up', '200ms', '--ready-timeout', '5s', '--get', '/work']
    const { code, stdout } = await podrain(['rehearse', ...flags, '--', 'node', join(example('express'), 'server.js')])
    expect(stdout).toMatch(/hook +GET \/prestop; grace period 30 s \(podrain was found in the app; --prestop HOOK\)/)
    expect(stdout).toMatch(/^Nothing lost/m)
    expect(code).toBe(0)
  })

  test('finds podrain’s readiness in an app that answers every path', async () => {
    const { code, stdout } = await podrain(['rehearse', ...short, '--', 'node', fixture('everywhere.mjs')])
    expect(stdout).toMatch(/readiness +GET \/readyz every 0.1 s \(found in the app; --ready PATH\)/)
    expect(stdout).toMatch(/^Nothing lost/m)
    expect(code).toBe(0)
  })

  test.for([
    ['because they should not be', ['--no-pid-namespace'], {}],
    ['because there is no unshare', [], { PATH: '/nowhere' }],
  ] as const)('says that pods are not PID 1, %s', async ([, flags, env]) => {
    const { stdout } = await podrain(['rehearse', ...flags, ...short, ...app], env)
    expect(stdout).toMatch(/^not played +PID 1: /m)
  })

  test('of a program that takes its port as an argument fills it in', async ({ skip }) => {
    skip(spawnSync('python3', ['--version']).status !== 0, 'needs python3')
    const command = ['python3', '-m', 'http.server', '{port}', '--bind', '{host}']
    const { code, stdout } = await podrain(['rehearse', ...short, '--grace', '1s', '--', ...command])
    expect(stdout).toMatch(/readiness +GET \/ every/)
    expect(stdout).toMatch(/^\d+ of \d+ requests lost\b.*\.$/m)
    expect(code).toBe(1)
  })

  test('sends the requests of a file, with their methods and headers', async () => {
    const file = join(await directory(), 'requests.yaml')
    await writeFile(file, '- path: /created\n  method: POST\n  body: hello\n  status: 201\n')
    const env = { ENDING: 'when nobody asks any more', ANSWERS: '{"/created":201}' }
    const { code, stdout } = await podrain(['rehearse', '--requests', file, ...short, ...app], env)
    expect(stdout).toMatch(/requests +POST \/created → 201$/m)
    expect(stdout).toMatch(/^Nothing lost/m)
    expect(code).toBe(0)
  })

  test('takes the usual status of / as success when no request is given', async () => {
    const env = { ENDING: 'when nobody asks any more', ANSWERS: '{"/":404}' }
    const { code, stdout } = await podrain(['rehearse', ...short, ...app], env)
    expect(stdout).toMatch(
      /requests +GET \/ → 404 \(its answer to \/, so 404 is a success here; ask something real: --get PATH\)/,
    )
    expect(stdout).toMatch(/^Nothing lost/m)
    expect(code).toBe(0)
  })

  test('of an app without any usual path takes a connection for readiness', async () => {
    const env = { ENDING: 'when nobody asks any more', ANSWERS: '{"/":404,"/readyz":404}' }
    const { code, stdout } = await podrain(['rehearse', ...short, ...app], env)
    expect(stdout).toMatch(/readiness +a connection every 0.1 s \(the app has no path for it; --ready PATH\)/)
    expect(code).toBe(0)
  })

  test('takes from a manifest what it says, and lets flags win', async () => {
    const file = join(await directory(), 'app.yaml')
    await writeFile(
      file,
      `apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 1
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      terminationGracePeriodSeconds: 45
      containers:
        - name: app
          image: web
          ports: [{ containerPort: 8080 }]
          env:
            - { name: ENDING, value: when nobody asks any more }
            - { name: PASSWORD, valueFrom: { secretKeyRef: { name: db, key: password } } }
          lifecycle: { preStop: { exec: { command: [sleep, "0.2"] } } }
          readinessProbe: { httpGet: { path: /readyz, port: 8080 } }
`,
    )
    const { code, stdout } = await podrain(['rehearse', '--manifest', file, ...short, ...app])
    expect(stdout).toMatch(/^manifest +Deployment\/web in .*app\.yaml, container app$/m)
    expect(stdout).toMatch(/^hook +`sleep 0\.2`; grace period 45 s$/m)
    expect(stdout).toMatch(/^readiness +GET \/readyz every 0\.1 s$/m)
    expect(stdout).toMatch(/^not played +variables from elsewhere \(PASSWORD\): give them with --env$/m)
    expect(stdout).toMatch(/^Nothing lost/m)
    expect(code).toBe(0)
  })

  test('sends the token that the hook wants', async () => {
    const env = { PODRAIN_TOKEN: 'secret' }
    const flags = [
      '--replicas',
      '1',
      '--warm-up',
      '200ms',
      '--ready-timeout',
      '5s',
      '--get',
      '/work',
      '--ready',
      '/readyz',
    ]
    const header = ['--prestop-header', 'Authorization: Bearer secret']
    const command = ['--', 'node', join(example('express'), 'server.js')]
    const { code, stdout } = await podrain(['rehearse', ...flags, ...header, ...command], env)
    expect(stdout).toMatch(/^hook +GET \/prestop; grace period 30 s$/m)
    expect(stdout).toMatch(/^Nothing lost/m)
    expect(code).toBe(0)
  })

  test('starts the app no more often than it is replaced when everything was said', async () => {
    const pids = await directory()
    const said = ['--ready', '/readyz', '--prestop', 'none', '--get', '/']
    await podrain(['rehearse', ...short, ...said, ...app], { PIDS: pids })
    expect(await readdir(pids)).toHaveLength(2)
  })
})

describe.concurrent('an app that cannot be rehearsed ends with 2, and', () => {
  test('its last output, if it ends by itself; in the JUnit file, too', async () => {
    const junit = join(await directory(), 'junit.xml')
    const env = { ENDING: 'before it listens' }
    const { code, stdout, stderr } = await podrain(['rehearse', '--junit', junit, ...short, ...app], env)
    expect(code).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toBe('error: The app ended by itself with code 3. Its last output:\nno database <at> all\n')
    expect(await readFile(junit, 'utf8')).toContain('no database <at> all')
  })

  test('the reason, if it cannot be started; several results may go nowhere', async () => {
    const nowhere = ['--json', '/dev/null', '--html', '/dev/null']
    const { code, stderr } = await podrain(['rehearse', ...nowhere, '--', 'no-such-program'])
    expect(code).toBe(2)
    expect(stderr).toMatch(/^error: The app did not start: there is no program `no-such-program`/)
  })

  test('where it listens instead, and three ways out', async ({ skip }) => {
    skip(process.platform !== 'linux', 'finds what a process listens on in /proc')
    const { code, stderr } = await podrain(['rehearse', ...app], { LISTEN_ON: '0' })
    expect(code).toBe(2)
    expect(stderr).toMatch(/^error: The app listens on port \d+, and not on \$PORT, which was \d+\.\n/)
    for (const way of ['--port-env NAME', '{port}', '--port N']) expect(stderr).toContain(way)
  })

  test('that pods with one port must not listen on every address', async ({ skip }) => {
    skip(process.platform !== 'linux', 'needs more than one loopback address')
    const script = "require('node:http').createServer((_, response) => response.end()).listen(process.env.PORT)"
    const flags = ['--port', '39131', '--replicas', '2']
    const { code, stderr } = await podrain(['rehearse', ...flags, '--', process.execPath, '-e', script])
    expect(code).toBe(2)
    expect(stderr).toMatch(
      /EADDRINUSE[\s\S]*With `--port` each pod has an address of its own\. Let the app listen on \$HOST/,
    )
  })

  test('what it answers, if that is no use', async () => {
    const { code, stderr } = await podrain(['rehearse', ...app], { ANSWERS: '{"/":500}' })
    expect(code).toBe(2)
    expect(stderr).toBe('error: GET / is answered with 500 by your app. Name something it can answer: `--get /path`\n')
  })

  test.each([
    [
      'an event stream',
      'text/event-stream',
      'GET /feed is answered with an event stream, which had not ended after 300 ms. Rehearse it with `--sse /feed` instead, or give it more time with `--request-timeout`',
    ],
    [
      'no event stream',
      'text/plain',
      'The response to GET /feed had begun, and had not ended after 300 ms. Of responses without an end only event streams can be rehearsed (`--sse`): name a path whose response ends, or give it more time with `--request-timeout`',
    ],
  ])('what to ask it for, if a response does not end and is %s', async (_, type, said) => {
    const feed = `request.url === '/feed' ? response.writeHead(200, { 'Content-Type': '${type}' })`
    const handle = `(request, response) => ${feed}.write(': hello\\n\\n') : response.end()`
    const script = `require('node:http').createServer(${handle}).listen(process.env.PORT, process.env.HOST)`
    const flags = ['--request-timeout', '300ms', '--get', '/feed']
    const { code, stderr } = await podrain(['rehearse', ...flags, '--', process.execPath, '-e', script])
    expect([code, stderr]).toEqual([2, `error: ${said}\n`])
  })

  test('the last answer, if it does not become ready', async () => {
    const env = { ANSWERS: '{"/readyz":503}' }
    const { code, stderr } = await podrain(['rehearse', '--startup-timeout', '10s', ...app], env)
    expect(code).toBe(2)
    expect(stderr).toMatch(/^error: The app was not ready after 10000 ms \(GET \/readyz answered 503\)/)
  })

  test('the flag, if what it names is answered with an error', async () => {
    const { code, stderr } = await podrain(['rehearse', ...short, '--warm-up', '5s', '--get', '/nothing', ...app])
    expect(code).toBe(2)
    expect(stderr).toMatch(
      /error: Every (keepAlive|newConnection) request was lost before .*GET \/nothing: status 404.*`--get`/,
    )
  })
})

describe.concurrent('the result', () => {
  test('is written where it should be, and agrees with itself', async () => {
    const results = join(await directory(), 'not', 'there yet')
    const file = (name: string) => join(results, name)
    const flags = ['--json', file('a.json'), '--html', file('a.html'), '--name', 'a <name> & "more"']
    const { code, stdout } = await podrain(['rehearse', ...flags, ...short, ...app])
    expect(code).toBe(1)
    expect(stdout).toContain(`Page: ${file('a.html')}\nData: ${file('a.json')}\n`)
    const result: Rehearsal = JSON.parse(await readFile(file('a.json'), 'utf8'))
    expect(stdout).toContain(`${result.summary.lost} of ${result.summary.requests} requests lost`)
    expect(result.options.name).toBe('a <name> & "more"')
    const page = await readFile(file('a.html'), 'utf8')
    expect(page).toMatch(/^<!doctype html>/)
    expect(page).toContain('a &lt;name&gt; &amp; &quot;more&quot;')
  })

  test('on stdout is JSON and nothing else; what is for people goes to stderr', async () => {
    const { stdout, stderr } = await podrain(['rehearse', '--json', '-', ...short, ...app])
    const result: Rehearsal = JSON.parse(stdout)
    expect(result.summary.lost).toBeGreaterThan(0)
    expect(stderr).toContain(`${result.summary.lost} of ${result.summary.requests} requests lost`)
  })

  test('is written to every file that can be written, and the exit code is that of the verdict', async ({ skip }) => {
    skip(!existsSync('/dev/full'), 'needs /dev/full')
    const file = join(await directory(), 'a.json')
    const flags = ['--html', '/dev/full', '--json', file]
    const { code, stderr } = await podrain(['rehearse', ...flags, ...short, ...app])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^error: Page was not written: ENOSPC/m)
    expect(JSON.parse(await readFile(file, 'utf8')).summary.lost).toBeGreaterThan(0)
  })

  test('can be a page on stdout, but not two things at once', async () => {
    const { stdout } = await podrain(['rehearse', '--html', '-', ...short, ...app])
    expect(stdout).toMatch(/^<!doctype html>/)
    const { code, stderr } = await podrain(['rehearse', '--html', '-', '--json', '-', ...short, ...app])
    expect(code).toBe(2)
    expect(stderr).toBe('error: `--json` and `--html` cannot both be written to stdout\n')
  })

  test('of several rehearsals is a list, each with its seed', async () => {
    const file = join(await directory(), 'a.json')
    const { code, stdout, stderr } = await podrain(['rehearse', '--repeat', '2', '--json', file, ...short, ...app])
    expect(code).toBe(1)
    for (const seed of [1, 2]) expect(stderr).toMatch(new RegExp(`^node app.mjs, seed ${seed}: done, `, 'm'))
    expect(stdout).toMatch(/^\d+ of \d+ requests lost, in 2 of 2 rehearsals\.$/m)
    const results: Rehearsal[] = JSON.parse(await readFile(file, 'utf8'))
    expect(results.map(({ options }) => options.seed)).toEqual([1, 2])
  })

  test('of a time limit that cannot be kept to says so before it begins and after it was cut short, and exits with 3 when nothing was lost until then', async () => {
    const flags = ['--timeout', '4s', '--prestop', 'sleep:60s', '--grace', '90s']
    const { code, stdout } = await podrain(['rehearse', ...flags, ...short, ...app])
    const sum =
      'it takes up to 94 s (warm-up 0.2 s + 1 × 1 s for new pods + grace period 90 s + endpoints 2.7 s + cool-down 0.1 s)'
    expect(stdout).toContain(`--timeout 4s may be too short: ${sum}\n`)
    expect(stdout).toContain(`Cut short. The rehearsal was not over after 4 s: ${sum}. Nothing lost of the `)
    expect(code).toBe(3)
  })

  test('is one line with --quiet', async () => {
    const { code, stdout, stderr } = await podrain(['rehearse', '-q', ...short, ...app])
    expect(stdout).toMatch(/^\d+ of \d+ requests lost\b.*\.\n$/)
    expect(stderr).toBe('')
    expect(code).toBe(1)
  })

  test('is whole, and its files are written, also when nobody reads stdout any more', async () => {
    const file = join(await directory(), 'a.json')
    const command = [
      process.execPath,
      join(__dirname, '..', 'bin', 'podrain.js'),
      'rehearse',
      '--json',
      file,
      ...short,
      ...app,
    ]
    const { status } = spawnSync('sh', ['-c', '"$@" | true', 'sh', ...command], { stdio: 'ignore' })
    expect(status).toBe(0)
    expect(JSON.parse(await readFile(file, 'utf8')).summary.lost).toBeGreaterThan(0)
  })
})
