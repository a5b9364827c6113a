import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer, get, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, onTestFinished, test } from 'vitest'

interface Span {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly status: { code: number; message?: string }
  readonly attributes: readonly { key: string; value: object }[]
  readonly events: readonly { name: string; attributes: readonly { key: string; value: object }[] }[]
}

interface Metric {
  readonly name: string
  readonly sum?: { dataPoints: readonly { asInt?: number; asDouble?: number }[] }
  readonly gauge?: { dataPoints: readonly { asInt?: number; asDouble?: number }[] }
}

/** A collector for OTLP as JSON. */
async function collector(answer: (response: ServerResponse) => void = (response) => response.end('{}')) {
  const spans: Span[] = []
  const metrics: Metric[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const piece of request) body += piece
    const { resourceSpans = [], resourceMetrics = [] } = JSON.parse(body)
    for (const { scopeSpans } of resourceSpans) for (const scope of scopeSpans) spans.push(...scope.spans)
    for (const { scopeMetrics } of resourceMetrics) for (const scope of scopeMetrics) metrics.push(...scope.metrics)
    response.setHeader('content-type', 'application/json')
    answer(response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, spans, metrics }
}

interface App {
  readonly process: ChildProcess
  readonly lines: string[]
  readonly exit: Promise<unknown>
  readonly port: number
}

/** @param grace Seconds. With 7.4 the drain has 1.4 s, and an export has 3.1 s after it, which is enough on a busy machine. */
async function start(collectorPort: number, grace = 7.4): Promise<App> {
  const child = fork(join(__dirname, 'fixtures', 'traced.mjs'), [String(collectorPort), String(grace)], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const lines: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    if (stream) createInterface({ input: stream }).on('line', (line) => lines.push(line))
  }
  const exit = once(child, 'close')
  await expect.poll(() => lines.join('\n')).toMatch(/^listening/m)
  return { process: child, lines, exit, port: Number(/^listening (\d+)/m.exec(lines.join('\n'))?.[1]) }
}

async function hold({ port, lines }: App): Promise<void> {
  get({ port, path: '/silent?token=secret' }).on('error', () => {})
  await expect.poll(() => lines).toContain('silent')
}

describe('before a process that got SIGTERM exits', () => {
  test('the trace of its drain has arrived, with steps, hooks and cut requests', async () => {
    const { port, spans } = await collector()
    const app = await start(port)
    await hold(app)
    app.process.kill('SIGTERM')
    expect(await app.exit).toEqual([1, null])
    expect(spans.map(({ name }) => name).sort()).toEqual(['closing', 'hook pool', 'podrain drain', 'settle'])
    const [root] = spans.filter(({ parentSpanId }) => !parentSpanId) as [Span]
    expect(root).toMatchObject({ name: 'podrain drain', status: { code: 2, message: 'cut' } })
    const attributes = Object.fromEntries(root.attributes.map(({ key, value }) => [key, Object.values(value)[0]]))
    expect(attributes).toMatchObject({
      'podrain.outcome': 'cut',
      'podrain.reason': 'SIGTERM',
      'podrain.cut_requests': 1,
    })
    expect(root.events).toHaveLength(1)
    expect(root.events[0]).toMatchObject({
      name: 'request cut',
      attributes: expect.arrayContaining([{ key: 'url.path', value: { stringValue: '/silent' } }]),
    })
    for (const child of spans.filter((span) => span !== root)) {
      expect(child).toMatchObject({ traceId: root.traceId, parentSpanId: root.spanId, status: { code: 0 } })
    }
    const settle = spans.find(({ name }) => name === 'settle') as Span
    const closing = spans.find(({ name }) => name === 'closing') as Span
    expect(settle.startTimeUnixNano).toBe(root.startTimeUnixNano)
    expect(settle.endTimeUnixNano).toBe(closing.startTimeUnixNano)
    expect(closing.endTimeUnixNano).toBe(root.endTimeUnixNano)
    expect(JSON.stringify(spans)).not.toContain('secret')
  })

  test('the last metrics have arrived, including those of the report', async () => {
    const { port, spans, metrics } = await collector()
    const app = await start(port)
    await hold(app)
    app.process.kill('SIGTERM')
    expect(await app.exit).toEqual([1, null])
    const of = (name: string): unknown => {
      const metric = metrics.find((each) => each.name === name)
      const [point] = (metric?.sum ?? metric?.gauge)?.dataPoints ?? []
      return point?.asInt ?? point?.asDouble
    }
    expect(of('podrain.cut_requests')).toBe(1)
    expect(of('podrain.drain_duration')).toBeGreaterThan(1)
    expect(spans).not.toEqual([])
  })

  test('a clean drain leaves a trace without an error', async () => {
    const { port, spans } = await collector()
    const app = await start(port, 60)
    app.process.kill('SIGTERM')
    expect(await app.exit).toEqual([0, null])
    expect(spans.map(({ status }) => status.code)).toEqual([0, 0, 0, 0])
  })

  test('a collector that hangs costs one log line for each exporter, and changes neither the exit code nor the deadline', async () => {
    const { port, spans, metrics } = await collector(() => {})
    const app = await start(port)
    await hold(app)
    app.process.kill('SIGTERM')
    expect(await app.exit).toEqual([1, null]) // 1 because the request was cut; no SIGKILL
    expect(spans).not.toEqual([])
    expect(metrics).not.toEqual([])
    const limits = app.lines.flatMap((line) => / hook "(otel\w+)" did not end within (\d+) ms/.exec(line) ?? [])
    expect(limits.filter((_, index) => index % 3 === 1).sort()).toEqual(['otelMetrics', 'otelTrace'])
    for (const ms of limits.filter((_, index) => index % 3 === 2)) {
      expect(Number(ms)).toBeLessThanOrEqual((300 + 6000 - 100) / 2)
    }
  })
})
