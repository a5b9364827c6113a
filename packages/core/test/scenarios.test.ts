import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect as connectHttp2 } from 'node:http2'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { ask, Child, Client, type Exit } from './support.js'

/** The result of one scenario. */
interface Outcome {
  /** What clients saw. */
  readonly saw: string
  readonly exit: Exit | 'serves on'
}

const rows: string[][] = []

/** A problem that can occur when a pod ends: its cause, and the expected result. */
function scenario(id: string, cause: string, run: () => Promise<Outcome>): void {
  test(`${id}. ${cause}`, async () => {
    const { saw, exit } = await run()
    rows.push([id, cause, saw, exit === 'serves on' ? exit : String(exit[0] ?? exit[1])])
  })
}

afterAll(() => {
  const file = process.env.TEST_SCENARIOS
  if (file) writeFileSync(file, page(rows))
})

function page(rows: string[][]): string {
  const line = (cells: string[]): string => `| ${cells.join(' | ')} |`
  return `# Scenarios

For whoever asks what can go wrong when Kubernetes ends a pod. Each row is a test with a real process and real signals. The row says what
clients or the kubelet saw. Written by \`npx -y pnpm@10.34.9 scenarios\` on ${new Date().toISOString().slice(0, 10)} with Node ${process.version}. The same scenarios run in every \`test\`.

${[line(['', 'cause', 'what clients saw', 'exit code']), line(['---', '---', '---', '---']), ...rows.map(line)].join('\n')}
`
}

/** When SIGKILL comes, in milliseconds after the signal: long after every exit, also on a busy machine. */
const grace = 30_000

/** A drain with 2.5 s, which is too short for the scenario. */
const short = { terminationGracePeriodSeconds: grace / 1000, reserve: grace - 2500 }

async function start(config: object = {}): Promise<Child> {
  const child = new Child(config, 'service.mjs')
  await child.listening()
  return child
}

/** A preStop request like the kubelet's. */
function hook(port: number, headers: Record<string, string> = {}) {
  return ask(port, '/prestop', { headers: { 'user-agent': 'kube-lifecycle/1.34', ...headers } })
}

/** Sends SIGTERM, and SIGKILL when the grace period is over. */
async function terminate(child: Child): Promise<Exit> {
  child.signal('SIGTERM')
  const timer = setTimeout(() => child.signal('SIGKILL'), grace)
  const exit = await child.exit
  clearTimeout(timer)
  return exit
}

/** A held request, and its result. */
async function held(child: Child, path = '/held'): Promise<{ answer: Promise<string> }> {
  const answer = ask(child.port, path).then(
    ({ status, body }) => `${status} ${body}`,
    ({ code }) => String(code),
  )
  await child.line(path === '/silent' ? /^silent/ : /^held/)
  return { answer }
}

/** Sends requests on new connections, one after the other, up to a number or until one is refused. */
async function keepAsking(child: Child, count = Number.POSITIVE_INFINITY): Promise<string[]> {
  const answers: string[] = []
  while (answers.length < count && answers.at(-1) !== 'ECONNREFUSED') {
    answers.push(
      await ask(child.port).then(
        ({ status }) => String(status),
        ({ code }) => String(code),
      ),
    )
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return answers
}

async function draining(child: Child): Promise<void> {
  await child.line(/^state draining/)
}

describe('the twenty-five scenarios', () => {
  scenario('1', 'load balancers still send after SIGTERM', async () => {
    const child = await start()
    const exiting = terminate(child)
    await draining(child)
    const answers = await keepAsking(child, 15)
    const exit = await exiting
    expect(answers).toEqual(Array(15).fill('200'))
    expect(exit).toEqual([0, null])
    return { saw: 'every request after SIGTERM is answered, on a new connection each', exit }
  })

  scenario('2', 'a client goes on using its idle connection', async () => {
    const child = await start()
    const client = await Client.open(child.port)
    await client.get('/').until(/ok$/)
    child.signal('SIGTERM')
    await draining(child)
    await new Promise((resolve) => setTimeout(resolve, 100))
    await client.get('/').until(/ok[\s\S]*ok$/)
    await client.end()
    const exit = await child.exit
    expect(exit).toEqual([0, null])
    return { saw: 'answered on the same connection, which then ends in order', exit }
  })

  scenario('3', 'a request takes longer than the grace period', async () => {
    // The handler that listens gets 3 s for its response, which is enough on a busy machine.
    const child = await start({ options: { ...short, closing: 3000, reserve: short.reserve - 2000 } })
    const silent = await held(child, '/silent')
    const patient = await held(child, '/patient')
    const exit = await terminate(child)
    expect([await silent.answer, await patient.answer]).toEqual(['ECONNRESET', '503 come again'])
    expect(exit).toEqual([1, null])
    expect(child.lines).toContainEqual(expect.stringMatching(/cut 1 in flight: GET \/silent/))
    return {
      saw: '503 from the handler that listens to `drain.lastCall`; the other is cut, and named in the log',
      exit,
    }
  })

  scenario('4', 'SIGTERM comes while the hook still waits, because the grace period is over', async () => {
    const child = await start({ options: { terminationGracePeriodSeconds: 90 } })
    const request = await held(child)
    const called = hook(child.port).then(({ status }) => status)
    await draining(child)
    const exiting = terminate(child)
    await child.line(/^state closing/)
    child.tell('answer')
    const exit = await exiting
    expect([await request.answer, await called]).toEqual(['200 at last', 200])
    expect(exit).toEqual([0, null])
    return { saw: 'the hook is answered at once, and the request within the 2 s that are left', exit }
  })

  scenario('5', 'SIGTERM without a hook', async () => {
    const child = await start()
    const request = await held(child)
    const exiting = terminate(child)
    await draining(child)
    expect(await ask(child.port)).toMatchObject({ status: 200 })
    expect(await ask(child.port, '/readyz')).toMatchObject({ status: 503 })
    child.tell('answer')
    const exit = await exiting
    expect(await request.answer).toBe('200 at last')
    expect(exit).toEqual([0, null])
    return { saw: 'the drain is the same: all requests are answered, those of new clients, too', exit }
  })

  scenario('6', 'the kubelet cannot reach the pod (host network), so the hook runs in the container', async () => {
    const path = join('/tmp', `podrain-scenario-${process.pid}.sock`)
    const child = await start({ options: { controlSocket: path, endpoints: { prestop: false } } })
    await child.line(/control endpoints on/)
    const request = await held(child)
    const exec = execFile(process.execPath, [join(__dirname, '../dist/podrain-prestop.js'), path])
    await draining(child)
    child.tell('answer')
    expect(await once(exec, 'exit')).toEqual([0, null])
    expect(await request.answer).toBe('200 at last')
    const exit = await terminate(child)
    expect(exit).toEqual([0, null])
    return { saw: '`podrain-prestop` waits for the request, and then exits with 0', exit }
  })

  scenario('7', 'the hook is delivered twice', async () => {
    const child = await start()
    const calls = await Promise.all([hook(child.port), hook(child.port)])
    expect(calls.map(({ status }) => status)).toEqual([200, 200])
    expect(child.lines.filter((line) => line === 'left the registry')).toHaveLength(1)
    const exit = await terminate(child)
    expect(exit).toEqual([0, null])
    return { saw: 'both calls are answered, after one drain', exit }
  })

  scenario('8', 'the caller of the hook hangs up', async () => {
    const child = await start()
    const request = await held(child)
    const caller = (await Client.open(child.port)).get('/prestop')
    await draining(child)
    caller.abort()
    expect(await ask(child.port, '/readyz')).toMatchObject({ status: 503 })
    child.tell('answer')
    expect(await request.answer).toBe('200 at last')
    const exit = await terminate(child)
    expect(exit).toEqual([0, null])
    return { saw: 'the drain goes on, and the request is answered', exit }
  })

  scenario('9', 'a failed liveness probe, with a short grace period of its own', async () => {
    const child = await start({ options: short })
    const exiting = terminate(child)
    await draining(child)
    expect(await ask(child.port, '/readyz')).toMatchObject({ status: 503 })
    expect(await ask(child.port, '/livez')).toMatchObject({ status: 200 })
    const exit = await exiting
    expect(exit).toEqual([0, null])
    return { saw: '`/readyz` says 503 at once, and requests are answered as long as there is time', exit }
  })

  scenario('10', 'GET /prestop from somebody who is not the kubelet', async () => {
    const child = await start({ options: { terminationGracePeriodSeconds: 4 } })
    const refused = await hook(child.port, { 'x-forwarded-for': '203.0.113.7' })
    expect(refused).toMatchObject({ status: 404, body: 'nothing here' })
    expect(await ask(child.port, '/readyz')).toMatchObject({ status: 200 })
    expect(await hook(child.port)).toMatchObject({ status: 200 })
    await child.line(/^state serving/)
    expect(await ask(child.port, '/readyz')).toMatchObject({ status: 200 })
    await child.line(/^back in the registry/)
    return {
      saw: 'through a proxy: 404. Else `/readyz` says 503 for one grace period, and all requests are answered',
      exit: 'serves on',
    }
  })

  scenario('11', 'a node shutdown: requests come to the end', async () => {
    const child = await start({ options: short })
    const asking = Promise.all([keepAsking(child), keepAsking(child)])
    const exit = await terminate(child)
    for (const answers of await asking) {
      expect(new Set(answers.slice(0, -2))).toEqual(new Set(['200']))
      // The kernel resets a connection in the backlog that Node has not accepted. Such a client counts as refused, too.
      expect(['200', 'ECONNRESET']).toContain(answers.at(-2))
      expect(answers.at(-1)).toBe('ECONNREFUSED')
    }
    expect(exit).toEqual([0, null])
    return { saw: 'requests are answered until the time is needed for closing', exit }
  })

  scenario('12', 'a hard eviction: the hook is cut off, and 2 s are left', async () => {
    const child = await start({ options: { terminationGracePeriodSeconds: 90 } })
    const request = await held(child, '/silent')
    const called = hook(child.port).catch(() => undefined)
    await draining(child)
    const exit = await terminate(child)
    await called
    expect(await request.answer).toBe('ECONNRESET')
    expect(exit).toEqual([1, null])
    expect(child.lines).toContain('pool closed')
    return { saw: 'a request that does not end is cut, and pools are closed before SIGKILL', exit }
  })

  scenario('13', 'the reclaim of a spot instance: consumers stop first, and pools close last', async () => {
    const child = await start()
    const exit = await terminate(child)
    const order = ['left the registry', 'state closing', 'pool closed', 'exit']
    expect(child.lines.filter((line) => order.includes(line))).toEqual(order)
    expect(exit).toEqual([0, null])
    return { saw: 'the app leaves the registry, then the listener closes, and then the pool', exit }
  })

  scenario('14', 'a single replica, or externalTrafficPolicy: Local', async () => {
    const child = await start({ options: { readyzWhileDraining: 'pass' } })
    const exiting = terminate(child)
    await draining(child)
    expect(await ask(child.port, '/readyz')).toMatchObject({ status: 200 })
    const exit = await exiting
    expect(exit).toEqual([0, null])
    return { saw: 'with `readyzWhileDraining: pass`, `/readyz` says 200 to the end, so that one pod is ready', exit }
  })

  scenario('15', 'all replicas drain at once', async () => {
    const pods = await Promise.all([start(), start()])
    const exiting = pods.map((pod) => terminate(pod))
    for (const pod of pods) {
      await draining(pod)
      expect(await ask(pod.port)).toMatchObject({ status: 200 })
    }
    const [exit = [null, null]] = await Promise.all(exiting)
    expect(exit).toEqual([0, null])
    return { saw: 'both replicas answer, and refuse nothing that they can answer', exit }
  })

  scenario('16', 'the sidecar ends first, so what needs the network fails', async () => {
    const child = await start({ sidecarIsGone: true })
    const exit = await terminate(child)
    expect(child.lines).toContain('pool closed')
    expect(child.lines).toContainEqual(expect.stringMatching(/hooks: telemetry failed/))
    expect(exit).toEqual([1, null])
    return { saw: 'the hook that fails is in the report, and the other hooks run', exit }
  })

  scenario('17', 'a sidecar calls the hook: from another address, without the user agent of the kubelet', async () => {
    const child = await start()
    const socket = createConnection({ port: child.port, host: '127.0.0.1', localAddress: '127.0.0.6' })
    onTestFinished(() => void socket.destroy())
    socket
      .setEncoding('latin1')
      .write('GET /prestop HTTP/1.1\r\nHost: 10.0.0.1:8080\r\nUser-Agent: Go-http-client/1.1\r\n\r\n')
    const [answer] = await once(socket, 'data')
    expect(answer).toMatch(/^HTTP\/1\.1 200/)
    const exit = await terminate(child)
    expect(exit).toEqual([0, null])
    return { saw: 'the hook is answered as if the kubelet had called it', exit }
  })

  scenario('18', 'the server speaks only HTTP/2 or TLS, or redirects, so the hook has a port of its own', async () => {
    const child = await start({ http2: true, options: { controlPort: 0 } })
    const port = Number(/port (\d+)$/.exec(await child.line(/control endpoints on port/))?.[1])
    expect(await ask(port, '/readyz')).toMatchObject({ status: 200 })
    expect(await hook(port)).toMatchObject({ status: 200 })
    expect(await ask(port, '/readyz')).toMatchObject({ status: 503 })
    const exit = await terminate(child)
    expect(exit).toEqual([0, null])
    return { saw: 'probes and hook are answered on `controlPort`', exit }
  })

  scenario('19', 'a WebSocket is open', async () => {
    const child = await start()
    const client = await Client.open(child.port)
    client.get('/socket', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==')
    await client.until(/101 Switching/)
    const exit = await terminate(child)
    expect(client.received.endsWith('\x88\x02\x03\xe9')).toBe(true)
    expect(exit).toEqual([0, null])
    return { saw: 'a close frame with code 1001, and then the end of the connection', exit }
  })

  scenario('20', 'an HTTP/2 session with an open stream', async () => {
    const child = await start({ http2: true })
    const session = connectHttp2(`http://127.0.0.1:${child.port}`)
    onTestFinished(() => session.destroy())
    const stream = session.request({ ':path': '/held' }).setEncoding('utf8')
    await child.line(/^held/)
    const goaway = once(session, 'goaway')
    const exiting = terminate(child)
    expect((await goaway)[0]).toBe(0)
    child.tell('answer')
    let body = ''
    for await (const chunk of stream) body += chunk
    expect(body).toBe('at last')
    const exit = await exiting
    expect(exit).toEqual([0, null])
    return { saw: 'GOAWAY without an error, and the answer on the open stream', exit }
  })

  scenario('21', 'a client that never ends its request', async () => {
    const child = await start()
    const halves = [
      '',
      'GET / HT',
      'GET / HTTP/1.1\r\nHost: p',
      'POST / HTTP/1.1\r\nHost: pod\r\nContent-Length: 9\r\n\r\nhalf',
    ]
    for (const half of halves) (await Client.open(child.port)).send(half)
    const exit = await terminate(child)
    expect(exit).toEqual([0, null])
    return { saw: 'its connection is closed with the others, and the exit code is 0, because nothing was lost', exit }
  })

  scenario('22', 'work goes on after the response', async () => {
    const child = await start()
    expect(await ask(child.port, '/background')).toMatchObject({ body: 'accepted' })
    const exiting = terminate(child)
    await draining(child)
    expect((await ask(child.port, '/drainz')).json()).toMatchObject({ tasks: ['mail'] })
    child.tell('work is done')
    const exit = await exiting
    expect(child.lines.indexOf('the mail is sent')).toBeLessThan(child.lines.indexOf('state closing'))
    expect(exit).toEqual([0, null])
    return { saw: 'the task ends before the pool is closed', exit }
  })

  scenario('23', 'clients abort requests, each at another moment', async () => {
    const child = await start()
    for (const text of ['GET /silent', 'GET /held', 'GET /patient', 'GET /silent HTTP/1.1\r\nHost: pod\r\n\r\nGET /']) {
      const client = (await Client.open(child.port)).send(`${text} HTTP/1.1\r\nHost: pod\r\n\r\n`)
      await expect.poll(async () => (await ask(child.port, '/drainz')).json().inFlight).toBeGreaterThan(0)
      client.abort()
      await expect.poll(async () => (await ask(child.port, '/drainz')).json().inFlight).toBe(0)
    }
    const exit = await terminate(child)
    expect(exit).toEqual([0, null])
    return { saw: 'no request is left in flight', exit }
  })

  scenario('24', 'a second signal, too late to be the same key press', async () => {
    const child = await start({ options: { terminationGracePeriodSeconds: 30 } })
    const request = await held(child)
    child.signal('SIGINT')
    await draining(child)
    child.signal('SIGINT')
    await new Promise((resolve) => setTimeout(resolve, 700))
    expect(child.exited).toBe(false)
    child.signal('SIGINT')
    const exit = await child.exit
    expect(exit).toEqual([1, null])
    expect(await request.answer).toBe('ECONNRESET')
    expect(child.lines).toContainEqual(expect.stringMatching(/second SIGINT, exiting now: .*oldest GET \/held/))
    return {
      saw: 'a repeat at once is ignored. The later signal ends the process, and the log names what was cut',
      exit,
    }
  })

  scenario('25', 'SIGTERM before the server listens', async () => {
    const child = new Child({ neverListens: true }, 'service.mjs')
    await child.line(/^starting/)
    const exit = await terminate(child)
    expect(exit).toEqual([0, null])
    return { saw: 'there are no clients: the process ends without having listened', exit }
  })
})

describe('traps', () => {
  /** Sends requests at an interval, like probes and scrapes. */
  function probe(child: Child, path: string, agent: string): () => void {
    const timer = setInterval(() => ask(child.port, path, { headers: { 'user-agent': agent } }).catch(() => {}), 50)
    return () => clearInterval(timer)
  }

  scenario('a', 'probes and scrapes go on during the drain', async () => {
    const child = await start({ options: { terminationGracePeriodSeconds: 30 } })
    const stops = [
      probe(child, '/readyz', 'kube-probe/1.34'),
      probe(child, '/', 'Prometheus/3.0'),
      probe(child, '/drainz', 'curl'),
    ]
    const exit = await terminate(child)
    for (const stop of stops) stop()
    expect(exit).toEqual([0, null])
    return { saw: 'they are answered, do not count as in flight, and do not begin `quiet` anew', exit }
  })

  scenario('b', 'the hook’s own request', async () => {
    const child = await start()
    expect((await hook(child.port)).json()).toMatchObject({ inFlight: 0 })
    const exit = await terminate(child)
    expect(exit).toEqual([0, null])
    return { saw: 'the hook does not wait for its own request', exit }
  })

  scenario('c', 'the event loop is blocked during the drain', async () => {
    const child = await start({ block: 1500 })
    const exiting = terminate(child)
    await child.line(/^left the registry/).catch(() => {})
    const late = await ask(child.port)
    const exit = await exiting
    expect(late).toMatchObject({ status: 200 })
    expect(exit).toEqual([0, null])
    return { saw: 'requests that came meanwhile are answered, and the process exits in time', exit }
  })

  scenario('d', 'the last lines of the log', async () => {
    const child = await start()
    const exit = await terminate(child)
    expect(child.lines.at(-1)).toBe('exit')
    expect(child.lines).toContainEqual(expect.stringMatching(/after SIGTERM; nothing cut/))
    expect(exit).toEqual([0, null])
    return { saw: 'the report is written before the exit', exit }
  })

  scenario('e', 'several processes in one pod (`cluster`), and the hook reaches one of them', async () => {
    const child = new Child({ workers: 3 }, 'cluster.mjs')
    await child.listening()
    const request = await held(child, '/hold')
    const hooks = Promise.all([1, 2, 3].map(() => hook(child.port)))
    await expect.poll(() => child.lines.filter((line) => line === 'worker draining').length).toBe(3)
    const probes = await Promise.all([1, 2, 3].map(() => ask(child.port, '/readyz')))
    expect(probes.map(({ status }) => status)).toEqual([503, 503, 503])
    child.tell('answer')
    expect(await request.answer).toBe('200 at last')
    expect((await hooks).map(({ status }) => status)).toEqual([200, 200, 200])
    const exit = await terminate(child)
    expect(exit).toEqual([0, null])
    return {
      saw: 'all processes answer, and none is ready. The hook is answered after the last request of all processes',
      exit,
    }
  })

  for (const [way, jump] of [
    ['forward', 3_600_000],
    ['back', -3_600_000],
  ] as const) {
    scenario(way === 'forward' ? 'f' : 'g', `the wall clock is set an hour ${way} during the drain`, async () => {
      const child = await start({ clockJumps: jump, options: { terminationGracePeriodSeconds: 30 } })
      const request = await held(child)
      const exiting = terminate(child)
      await draining(child)
      expect(await keepAsking(child, 20)).toEqual(Array.from({ length: 20 }, () => '200'))
      child.tell('answer')
      expect(await request.answer).toBe('200 at last')
      const exit = await exiting
      expect(exit).toEqual([0, null])
      return { saw: 'requests are neither cut early nor kept too long, because podrain uses the monotonic clock', exit }
    })
  }

  scenario('h', 'what had to be cut', async () => {
    const child = await start({ options: short })
    const request = await held(child, '/silent')
    const exit = await terminate(child)
    expect(exit).toEqual([1, null])
    expect(await request.answer).toBe('ECONNRESET')
    expect(child.lines).toContainEqual(expect.stringMatching(/cut 1 in flight: GET \/silent/))
    return { saw: 'a reset, and the log names the request', exit }
  })
})
