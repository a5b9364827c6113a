import { fork } from 'node:child_process'
import { createServer, get } from 'node:http'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { metrics } from '@opentelemetry/api'
import { drainServer } from '@podrain/core'
import { quick, urlOf } from '@podrain/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { RunningProcess } from '../../core/test/running-process.js'
import { otelMetrics } from '../src/index.js'

interface Attribute {
  readonly key: string
  readonly value: { readonly stringValue?: string; readonly intValue?: number; readonly boolValue?: boolean }
}

interface Span {
  readonly name: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly status: { readonly code?: number }
  readonly attributes: readonly Attribute[]
  readonly events: readonly { readonly name: string; readonly attributes: readonly Attribute[] }[]
}

interface Exported {
  readonly resourceSpans?: readonly { readonly scopeSpans: readonly { readonly spans: readonly Span[] }[] }[]
  readonly resourceMetrics?: readonly {
    readonly scopeMetrics: readonly { readonly metrics: readonly Metric[] }[]
  }[]
}

interface Metric {
  readonly name: string
  readonly sum?: { readonly dataPoints: readonly { readonly asDouble?: number; readonly asInt?: number }[] }
}

/** A collector of OTLP over HTTP, as far as an exporter sees it. One that hangs takes everything and answers nothing. */
async function collector({ hangs }: { hangs: boolean }): Promise<{ url: string; received: Exported[] }> {
  const received: Exported[] = []
  const server = createServer(async (request, response) => {
    received.push((await json(request)) as Exported)
    if (!hangs) response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
  })
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  server.listen(0, '127.0.0.1')
  return { url: await urlOf(server), received }
}

/** A service that exports to it, with a request that it never answers in flight. */
async function busy(url: string): Promise<RunningProcess> {
  const child = new RunningProcess(fork(join(__dirname, 'fixtures', 'exporting.mjs'), [url], { silent: true }))
  onTestFinished(() => child.signal('SIGKILL'))
  await child.listening()
  get(`http://127.0.0.1:${child.port}/silent?token=secret`).on('error', () => {})
  await child.line(/^silent/)
  return child
}

const valuesOf = (attributes: readonly Attribute[]): Record<string, unknown> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))

describe('when a process gets SIGTERM', () => {
  test('its last metrics and the trace of its drain have arrived when it has exited', async () => {
    const { url, received } = await collector({ hangs: false })
    const child = await busy(url)
    child.signal('SIGTERM')
    expect(await child.exit).toEqual([1, null])

    const numbers = received.flatMap(({ resourceMetrics = [] }) =>
      resourceMetrics.flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics)),
    )
    const cut = numbers.find(({ name }) => name === 'podrain.forced_requests')?.sum?.dataPoints[0]
    expect(cut?.asInt ?? cut?.asDouble).toBe(1)

    const spans = received.flatMap(({ resourceSpans = [] }) =>
      resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)),
    )
    const named = (name: string): Span => spans.find((span) => span.name === name) ?? expect.unreachable(name)
    const root = named('podrain drain')
    expect(root.parentSpanId ?? '').toBe('')
    expect(root.status.code).toBe(2)
    expect(valuesOf(root.attributes)).toMatchObject({
      'podrain.reason': 'SIGTERM',
      'podrain.clean': false,
      'podrain.forced': 1,
    })
    expect(root.events.map(({ name, attributes }) => [name, valuesOf(attributes)])).toEqual([
      ['request cut', { 'http.request.method': 'GET', 'url.path': '/silent', 'podrain.age_ms': expect.any(Number) }],
    ])
    const children = ['settle', 'closing', 'hook pool', 'hook queue'].map(named)
    expect(spans).toHaveLength(1 + children.length)
    for (const each of children) {
      expect(each.parentSpanId).toBe(root.spanId)
      expect(BigInt(each.startTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(root.startTimeUnixNano))
      expect(BigInt(each.endTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(each.startTimeUnixNano))
    }
    expect(named('closing').startTimeUnixNano).toBe(named('settle').endTimeUnixNano)
    expect(named('closing').endTimeUnixNano).toBe(root.endTimeUnixNano)
    expect(named('hook pool').status.code ?? 0).toBe(0)
    expect(named('hook queue').status.code).toBe(2)
    expect(named('hook queue').events.map(({ attributes }) => valuesOf(attributes)['exception.message'])).toEqual([
      'already closed',
    ])
  })

  test('a collector that never answers does not keep it from exiting with its own code', async () => {
    const { url, received } = await collector({ hangs: true })
    const child = await busy(url)
    child.signal('SIGTERM')
    expect(await child.exit).toEqual([1, null])
    expect(received.length).toBeGreaterThan(0)
    expect(child.output).toMatch(/"export of metrics" did not end/)
    expect(child.output).toMatch(/"export of the trace" did not end/)
  })
})

test('a meter provider that cannot export is refused at once, as the SDK has not been started', () => {
  const drain = drainServer(createServer(), quick)
  onTestFinished(() => drain.dispose())
  const provider = metrics.getMeterProvider()
  expect(() => otelMetrics(drain, metrics.getMeter('podrain'), { provider })).toThrow('start the SDK first')
})
