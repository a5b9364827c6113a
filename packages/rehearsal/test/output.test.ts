import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { rehearse } from '../src/index.js'
import type { Pod } from '../src/pods/pod.js'
import { isInstalled, path } from './installed.js'
import { fixture, short } from './short.js'
import { startPod } from './started-pod.js'

const directory = () => mkdtempSync(join(tmpdir(), 'podrain-output-'))

/** Requests lines of the log as soon as the pod accepts connections. */
async function askFor(lines: number, pod: Pod): Promise<void> {
  const url = `http://${pod.host}:${pod.port}/${lines}`
  await expect.poll(() => fetch(url).then(({ status }) => status), { timeout: 10_000 }).toBe(200)
}

describe.each(['/dev/stdout', '/dev/stderr'])('a program that opens %s', (LOG) => {
  test.for([
    ['three lines', 3],
    ['3 MB', 130_000],
  ] as const)('and writes %s for each request loses no line, although SIGKILL ends it', async ([, lines]) => {
    const logs = directory()
    const pod = await startPod([process.execPath, fixture('logs.mjs')], { env: { LOG }, logs })
    for (let requests = 0; requests < 3; requests++) await askFor(lines, pod)
    pod.signal('SIGKILL')
    await pod.written
    const whole = Array.from({ length: 3 * lines }, (_, line) => `line ${line} of the log\n`).join('')
    expect(readFileSync(join(logs, 'pod.log'), 'utf8') === whole).toBe(true)
  })
})

test('a command of the kubelet can open /dev/stderr, to say why it fails', async () => {
  const pod = await startPod(['sleep', '1000'])
  await expect(pod.exec(['sh', '-c', 'echo no database >/dev/stderr; exit 1'])).rejects.toThrow(
    'exit code 1: no database',
  )
})

test('nginx is rehearsed with its logs in /dev/stdout and /dev/stderr, as its official image has them', async ({
  skip,
}) => {
  skip(!isInstalled('nginx'), 'there is no nginx (Debian: nginx-light)')
  const cwd = directory()
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${cwd}/${name};`,
  )
  writeFileSync(
    join(cwd, 'template'),
    `daemon off; pid ${cwd}/POD.pid; error_log /dev/stderr notice;
    events {} http { access_log /dev/stdout; ${temporary.join(' ')} server { listen LISTEN; return 200; } }`,
  )
  const script = `sed "s/LISTEN/$HOST:$PORT/; s/POD/$POD_NAME/" template >$POD_NAME.conf
    exec nginx -e /dev/stderr -p . -c $POD_NAME.conf`
  const options = short({ command: 'sh', args: ['-c', script], cwd, env: { PATH: path }, requests: { get: '/hello' } })
  const { events, summary } = await rehearse({ ...options, preStop: { sleep: { seconds: 1 } } })
  expect(summary.exits).toEqual({ 'exit 0': 2 })
  const output = events.flatMap((event) => (event.type === 'pod-output' ? event.lines : []))
  expect(output).toContainEqual(expect.stringMatching(/"GET \/hello HTTP\/1\.1" 200/))
  expect(output).toContainEqual(expect.stringMatching(/signal 15 \(SIGTERM\) received/))
})
