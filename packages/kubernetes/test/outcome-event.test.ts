import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer, get, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, onTestFinished, test } from 'vitest'

const metadata = {
  name: 'web-5d9c-x2x7k',
  namespace: 'shop',
  uid: 'e906a495-84fd-489c-ac3c-83fe49728714',
  resourceVersion: '7',
  labels: { app: 'web', 'pod-template-hash': '5d9c' },
}
const pod = { apiVersion: 'v1', kind: 'Pod', metadata }

interface Posted {
  readonly path: string
  readonly type: string | undefined
  readonly event: Record<string, unknown> & { note: string; metadata: { annotations: Record<string, string> } }
}

/** An API with one pod, which accepts Events. */
async function api(answer: (response: ServerResponse) => void = (response) => response.writeHead(201).end('{}')) {
  const posted: Posted[] = []
  let watched = (): void => {}
  const podIsKnown = new Promise<void>((resolve) => {
    watched = resolve
  })
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const piece of request) body += piece
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://api')
    if (request.method === 'POST') {
      posted.push({ path: pathname, type: request.headers['content-type'], event: JSON.parse(body) })
      answer(response)
    } else if (searchParams.get('watch') === 'true') {
      response.write(`${JSON.stringify({ type: 'MODIFIED', object: pod })}\n`)
      watched()
    } else response.end(JSON.stringify({ metadata: { resourceVersion: '7' }, items: [pod] }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, posted, podIsKnown }
}

interface App {
  readonly process: ChildProcess
  readonly lines: string[]
  exit(): Promise<unknown>
}

async function start(port: number, events: unknown, drainOptions: object = {}): Promise<App> {
  const options = { pod: metadata.name, namespace: metadata.namespace, services: false, events }
  const child = fork(join(__dirname, 'fixtures', 'app.mjs'), [JSON.stringify({ port, options, drainOptions })], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const lines: string[] = []
  const closed = once(child, 'close')
  for (const stream of [child.stdout, child.stderr]) {
    if (stream) createInterface({ input: stream }).on('line', (line) => lines.push(line))
  }
  await expect.poll(() => lines.join('\n')).toMatch(/^listening/m)
  return { process: child, lines, exit: () => closed }
}

/** Sends a request that gets no response. */
async function hold({ lines }: App): Promise<void> {
  const port = Number(/^listening (\d+)/m.exec(lines.join('\n'))?.[1])
  const request = get({ port, path: '/silent?token=secret' })
  request.on('error', () => {})
  await expect.poll(() => lines).toContain('silent')
}

/** The drain has 1.4 s, and the Event has 3.1 s after it, which is enough on a busy machine. */
const short = { terminationGracePeriodSeconds: 7.4, closing: 300, reserve: 6000 }

describe('the Event about the pod', () => {
  test('is created before a process exits that has cut a request, with the pod, a sentence and the outcome', async () => {
    const { port, posted, podIsKnown } = await api()
    const app = await start(port, true, short)
    await podIsKnown
    await hold(app)
    app.process.kill('SIGTERM')
    expect(await app.exit()).toEqual([1, null])
    expect(posted).toHaveLength(1)
    const [{ path, type, event }] = posted as [Posted]
    expect({ path, type }).toEqual({ path: '/apis/events.k8s.io/v1/namespaces/shop/events', type: 'application/json' })
    expect(event).toMatchObject({
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: {
        name: expect.stringMatching(/^web-5d9c-x2x7k\.[0-9a-f]+$/),
        namespace: 'shop',
        labels: metadata.labels,
      },
      eventTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/),
      type: 'Warning',
      reason: 'DrainCut',
      action: 'Drain',
      note: expect.stringMatching(/^Drained in \d\.\d s after SIGTERM; cut 1 in flight: GET \/silent \(\d\.\d s\)$/),
      regarding: { kind: 'Pod', name: metadata.name, namespace: 'shop', uid: metadata.uid },
      reportingController: 'podrain',
      reportingInstance: metadata.name,
    })
    expect(JSON.parse(event.metadata.annotations['podrain/outcome'] ?? '')).toMatchObject({
      outcome: 'cut',
      by: 'podrain',
      cutCount: 1,
    })
    expect(JSON.stringify(event)).not.toContain('secret')
  })

  test('is created for a clean drain only with `all`', async () => {
    for (const [events, reasons] of [
      ['unclean', []],
      ['all', ['Drained']],
    ] as const) {
      const { port, posted } = await api()
      const app = await start(port, events)
      app.process.kill('SIGTERM')
      expect(await app.exit()).toEqual([0, null])
      expect(posted.map(({ event }) => event.reason)).toEqual(reasons)
    }
  })

  test('that is refused causes one log line, and does not change the exit code', async () => {
    const { port } = await api((response) =>
      response.writeHead(403).end(JSON.stringify({ kind: 'Status', message: 'events.events.k8s.io is forbidden' })),
    )
    const app = await start(port, 'all')
    app.process.kill('SIGTERM')
    expect(await app.exit()).toEqual([0, null])
    expect(app.lines.filter((line) => /event/i.test(line))).toEqual([
      'podrain: kubernetes: the Event with the outcome was not created: not allowed to create events in namespace shop: apply rbac-events.yaml',
    ])
  })

  test('that gets no response delays the exit by no more than the time of the hooks', async () => {
    const { port, posted } = await api(() => {})
    const app = await start(port, 'all', short)
    await hold(app)
    app.process.kill('SIGTERM')
    expect(await app.exit()).toEqual([1, null])
    expect(posted).toHaveLength(1)
    const [line, ...others] = app.lines.filter((line) => /event/i.test(line))
    expect(others).toEqual([])
    const [, ms] = /onReport hook "kubernetes event" did not end within (\d+) ms/.exec(line ?? '') ?? []
    expect(Number(ms)).toBeLessThanOrEqual((300 + 6000 - 100) / 2)
  })
})
