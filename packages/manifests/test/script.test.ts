// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the shell that reads them
import { describe, expect, test } from 'vitest'
import { Script } from '../src/objects/script.js'
import { app, findings, found, hook, said, service } from './apps.js'

const environment: Readonly<Record<string, string>> = { DELAY: '45', EMPTY: '' }
const timed = (...command: string[]) => new Script(command, (name) => environment[name]).seconds
const shell = (script: string) => timed('sh', '-c', script)

describe('how long a hook takes is read', () => {
  test.each([
    ['sleep 15', 15],
    ['sleep 2m', 120],
    ['sleep 1m 30', 90],
    ['exec sleep 9', 9],
    ['busybox sleep 9', 9],
    ['sleep $DELAY', 45],
    ['sleep "${DELAY}"', 45],
    ['sleep ${EMPTY:-20}', 20],
    ['sleep $((30+15))', 45],
    ['sleep $((DELAY - 5))', 40],
    ['WAIT=7; sleep $WAIT', 7],
    ['timeout 20 sleep 60', 20],
    ['timeout -s KILL 20s tail -f /dev/null', 20],
    ['sleep 15 & wait', 15],
    ['sleep 6 & pid=$!; sleep 4; wait $pid', 6],
    ['for each in 1 2 3; do sleep 4; done', 12],
    ['for each in $(seq 1 10); do sleep 1; done', 10],
    ['for each in {1..5}; do sleep 2; done', 10],
    ['drain() { sleep 3; }; drain; drain', 6],
    ['if ready; then sleep 5; else sleep 5; fi', 5],
    ['curl -s localhost:8080/drain && sleep 4', 4],
    ['curl localhost:8080/drain || true; sleep 3', 3],
    ['sleep 5 || exit 1', 5],
    ['sh -c "sleep 4"', 4],
    ['sleep 4; exit 0; sleep 90', 4],
    ['sleep 5 | cat', 5],
  ])('in a script: %s', (script, seconds) => {
    expect(shell(script)).toBe(seconds)
  })

  test.each([
    [['sleep', '2m'], 120],
    [['/bin/busybox', 'sh', '-c', 'sleep 3'], 3],
    [['/bin/sh', '-c', '-x', 'sleep 3'], 3],
    [['sh', '-o', 'errexit', '-c', 'sleep 3'], 3],
    [['node', '-e', 'setTimeout(() => {}, 45000)'], 45],
    [['node', '-e', 'setTimeout(() => process.exit(0), 45 * 1000)'], 45],
    [['node', '-e', 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 15_000)'], 15],
    [['python3', '-c', 'import time; time.sleep(30)'], 30],
    [['perl', '-e', 'sleep 30'], 30],
    [['ruby', '-e', 'sleep(2.5)'], 2.5],
    [['php', '-r', 'sleep(12);'], 12],
    [['powershell.exe', '-Command', 'Start-Sleep -Seconds 30'], 30],
  ])('in %j', (command, seconds) => {
    expect(timed(...command)).toBe(seconds)
  })

  test.each([
    'curl -s localhost:8080/drain',
    'until curl -s localhost; do sleep 1; done; sleep 40',
    '[ -f /tmp/slow ] && sleep 40',
    'if ready; then sleep 5; fi',
    'sleep ${UNKNOWN:-20}',
    'sleep $(cat /etc/wait)',
    'for each in 1 2 3; do ready && break; sleep 9; done',
    'sleep 15 &',
    'sleep infinity',
    'case $1 in a) sleep 5;; esac',
    'if [ "$(',
  ])('and nobody knows it in: %s', (script) => {
    expect(shell(script)).toBeUndefined()
  })

  test('is unknown for code with two timers, or a loop', () => {
    expect(timed('node', '-e', 'setTimeout(a, 1000); setTimeout(b, 2000)')).toBeUndefined()
    expect(timed('python', '-c', 'while True: time.sleep(1)')).toBeUndefined()
  })
})

describe('what a hook is told for it', () => {
  const inPod = (command: readonly string[]) =>
    app({ container: ['env: [{ name: DELAY, value: "45" }]', hook(command)] })

  test.each([
    [['sh', '-c', 'sleep $DELAY']],
    [['sh', '-c', 'sleep $((30+15))']],
    [['sleep', '2m']],
    [['node', '-e', 'setTimeout(() => {}, 45000)']],
    [['sh', '-c', 'sleep 20 && nginx -s quit && sleep 20']],
  ])('%j is longer than 30 s', (command) => {
    expect(found(inPod(command)).join()).toMatch(/(error|warning) hook-outlasts-grace/)
  })

  test('a job in the background that nothing waits for', () => {
    expect(said('hook-background', inPod(['sh', '-c', '(sleep 10; kill 1) & echo told']))).toEqual([
      'warning: `(sleep 10; kill 1) &` runs in the background, and the script does not wait for it: the shell of the hook exits at once',
    ])
    expect(found(inPod(['sh', '-c', 'sleep 10 & wait']))).toEqual([])
    expect(found(inPod(['sh', '-c', 'notify & sleep 10']))).toEqual([])
  })

  test('a variable that Kubernetes does not fill in there', () => {
    expect(findings(inPod(['sleep', '$(DELAY)']))).toMatchObject([
      { rule: 'hook-variable', severity: 'error', fix: '["sh", "-c", "sleep $DELAY"]' },
    ])
    expect(said('hook-variable', inPod(['sh', '-c', 'sleep $(DELAY)']))).toEqual([
      'warning: `$(DELAY)` is no variable in a shell: the script runs a program `DELAY`',
    ])
    expect(said('hook-variable', inPod(['sh', '-c', 'echo $(date); sleep $DELAY']))).toEqual([])
    // Something fills that in before Kubernetes sees it.
    expect(said('hook-variable', inPod(['sleep', '${DELAY}']))).toEqual([])
  })

  test('an image that is called bare, and a tool', () => {
    const tool = (image: string) => said('hook-needs-tool', app({ image, container: [hook(['sleep', '10'])] }))
    expect(tool('gcr.io/distroless/nodejs22-debian12')).toEqual([
      expect.stringMatching(/^error: The hook needs `sleep`/),
    ])
    for (const image of ['shop/web:1.2-distroless', 'ghcr.io/acme/web-distroless:3', 'acme/web:scratch']) {
      expect(tool(image)).toEqual([expect.stringMatching(/^warning: The hook needs `sleep`\. By its name/)])
    }
    for (const image of ['gcr.io/distroless/base:debug', 'acme/web:1', 'acme/scratchpad:1'])
      expect(tool(image)).toEqual([])
  })

  test('a sidecar that is ended at once by its own hook', () => {
    const envoy = (command: readonly string[], native: boolean) =>
      app({
        pod: native
          ? [`initContainers: [{ name: envoy, image: envoyproxy/envoy:v1, restartPolicy: Always, ${hook(command)} }]`]
          : [],
        container: ['lifecycle: { preStop: { sleep: { seconds: 10 } } }', ...(native ? [] : ['name: app2']).slice(1)],
      }) + (native ? '' : `        - name: envoy\n          image: envoyproxy/envoy:v1\n          ${hook(command)}\n`)
    const quit = ['curl', '-X', 'POST', 'http://localhost:15000/quitquitquit']
    expect(said('sidecar-hook', envoy(quit, true))).toHaveLength(1)
    expect(said('sidecar-hook', envoy(['sh', '-c', 'kill 1'], true))).toHaveLength(1)
    expect(said('sidecar-hook', envoy(['sh', '-c', 'kill -HUP 1'], true))).toEqual([])
    expect(said('sidecar-ends-first', envoy(quit, false))).toEqual([
      'warning: The hook of `envoy` stops it at once (`curl -X POST http://localhost:15000/quitquitquit`), while `app` is still in its hook and serves',
    ])
    expect(said('sidecar-ends-first', envoy(['sh', '-c', 'sleep 12; kill 1'], false))).toEqual([])
  })

  test('a stop signal that podrain does not listen to', () => {
    const signal = (name: string, ...more: string[]) =>
      said(
        'stop-signal',
        app({
          pod: ['os: { name: linux }'],
          container: [
            `lifecycle: { stopSignal: ${name}, preStop: { httpGet: { path: /prestop, port: 8080 } } }`,
            ...more,
          ],
        }),
      )
    const told = (name: string) => [`warning: podrain does not listen to ${name}, the stop signal of this container`]
    expect(signal('SIGQUIT')).toEqual(told('SIGQUIT'))
    expect(signal('SIGINT')).toEqual([])
    const signals = 'env: [{ name: PODRAIN_SIGNALS, value: "SIGUSR2, SIGTERM" }]'
    expect(signal('SIGUSR2')).toEqual(told('SIGUSR2'))
    expect(signal('SIGUSR2', signals)).toEqual([])
    expect(signal('SIGQUIT', signals)).toEqual(told('SIGQUIT'))
    // Node starts its debugger with SIGUSR1, and podrain refuses it as an option.
    expect(signal('SIGUSR1', signals.replace('SIGUSR2', 'SIGUSR1'))).toEqual([
      'warning: podrain cannot listen to SIGUSR1, the stop signal of this container',
    ])
  })

  test('a stop signal that podrain takes for a Ctrl-C, with no hook before it', () => {
    const interrupted = app({ pod: ['os: { name: linux }'], container: ['lifecycle: { stopSignal: SIGINT }'] })
    expect(said('stop-signal', interrupted)).toEqual([])
    const named = interrupted.replace(
      'labels: { app: web } }',
      'labels: { app: web }, annotations: { podrain/container: app } }',
    )
    expect(said('stop-signal', named)).toEqual([
      'warning: podrain takes SIGINT for a Ctrl-C, and closes without waiting for load balancers',
    ])
  })
})

describe('the first process', () => {
  const rulesOf = (...lines: string[]) => found(app({ container: lines }))

  test.each([
    ['command: [npm, start]', 'warning package-manager'],
    ['args: [npm, run, serve]', 'warning package-manager'],
    ['command: [tini, --, pnpm, start]', 'warning package-manager'],
    ['command: [sh, -c, "cd /app && yarn start"]', 'warning package-manager'],
    ['command: [npx, next, start]', 'warning package-manager'],
    ['command: [pm2-runtime, ecosystem.config.cjs]', 'warning process-manager'],
    ['args: [supervisord, -n]', 'warning process-manager'],
    ['command: [forever, server.js]', 'warning process-manager'],
    ['command: [node, --watch, server.js]', 'info process-manager'],
    ['command: [nodemon, server.js]', 'info process-manager'],
    ['command: [sh, -c, "./migrate && node server.js"]', 'warning shell-first'],
  ])('%s is told', (line, told) => {
    expect(rulesOf(line)).toEqual([told])
  })

  test.each([
    'command: [node, server.js]',
    'command: [/bin/sh, -c, -x, "exec node server.js"]',
    'command: [sh, -ec, "./migrate; exec node server.js"]',
    'command: [bun, run, start]',
    'args: [--port, "8080"]',
    'command: [sh, -c, "trap stop TERM; ./server & wait"]',
  ])('%s is fine', (line) => {
    expect(rulesOf(line)).toEqual([])
  })

  test('a script of another language is not told to start node', () => {
    const [finding] = findings(app({ container: ['command: [bash, /opt/start.sh]'] }))
    expect(finding).toMatchObject({ rule: 'shell-first', fix: expect.not.stringContaining('node') })
  })
})

test('a hook of 0 s of grace is only told of where there is one', () => {
  const zero = (...container: string[]) =>
    said('grace-zero', app({ pod: ['terminationGracePeriodSeconds: 0'], container }), service())
  expect(zero()).toEqual([expect.not.stringContaining('hook')])
  expect(zero('lifecycle: { preStop: { sleep: { seconds: 1 } } }')).toEqual([
    expect.stringContaining('ends the hook after 1 s'),
  ])
})
