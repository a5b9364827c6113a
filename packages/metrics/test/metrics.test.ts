import { createServer } from 'node:http'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { type Drain, drainServer } from '@podrain/core'
import { gate, quick, send, urlOf } from '@podrain/testkit'
import promClient, { Registry } from 'prom-client'
import { describe, expect, onTestFinished, test } from 'vitest'
import { otelMetrics, promMetrics } from '../src/index.js'

async function serve(): Promise<{ drain: Drain; url: string; answer: () => void }> {
  const held = gate()
  const server = createServer((request, response) => {
    if (request.url === '/held') void held.opened.then(() => response.end('at last'))
    else response.writeHead(404).end()
  })
  const drain = drainServer(server, quick)
  onTestFinished(() => drain.dispose())
  server.listen(0, '127.0.0.1')
  return { drain, url: await urlOf(server), answer: held.open }
}

/** A pod in the middle of its drain, with one request, one task and one refused call. */
async function busy(drain: Drain, url: string): Promise<{ answered: Promise<unknown> }> {
  const answered = send(`${url}/held`)
  await expect.poll(() => drain.inFlight).toBe(1)
  await send(`${url}/prestop`, { headers: { via: '1.1 proxy' } })
  void drain.prestop()
  return { answered }
}

describe('with prom-client', () => {
  test('a control port serves the registry', async () => {
    const registry = new Registry()
    const lines: string[] = []
    const logger = { info: (line: string) => void lines.push(line), warn() {}, error() {} }
    const drain = drainServer(createServer(), { ...quick, logger, controlPort: 0, metrics: registry })
    onTestFinished(() => drain.dispose())
    promMetrics(drain, promClient, { registry })
    await expect.poll(() => lines).toContainEqual(expect.stringContaining('control endpoints on port'))
    const port = lines
      .find((line) => line.includes('control endpoints'))
      ?.split(' ')
      .at(-1)
    const { status, body } = await send(`http://127.0.0.1:${port}/metrics`)
    expect(status).toBe(200)
    expect(body).toContain('podrain_state{state="serving"} 1')
  })

  test('a scrape shows the state, what is in flight, and refused calls', async () => {
    const { drain, url, answer } = await serve()
    const registry = new Registry()
    promMetrics(drain, promClient, { registry })
    const task = gate()
    drain.waitUntil(task.opened)
    expect(await registry.metrics()).toContain('podrain_state{state="serving"} 1')
    const { answered } = await busy(drain, url)
    const lines = (await registry.metrics()).split('\n')
    expect(lines).toEqual(
      expect.arrayContaining([
        'podrain_state{state="serving"} 0',
        'podrain_state{state="draining"} 1',
        'podrain_requests_in_flight 1',
        'podrain_tasks 1',
        'podrain_refused_calls_total{endpoint="prestop"} 1',
      ]),
    )
    answer()
    task.open()
    await answered
    const report = await drain.start()
    const after = (await registry.metrics()).split('\n')
    expect(after).toEqual(
      expect.arrayContaining([
        'podrain_state{state="closed"} 1',
        'podrain_requests_in_flight 0',
        'podrain_answered_requests_total 1',
        'podrain_cut_requests_total 0',
        `podrain_drain_duration_seconds ${report.durationMs / 1000}`,
      ]),
    )
  })

  test('two drains need two prefixes', async () => {
    const [one, two] = [await serve(), await serve()]
    const registry = new Registry()
    promMetrics(one.drain, promClient, { registry })
    expect(() => promMetrics(two.drain, promClient, { registry })).toThrow('podrain_state')
    promMetrics(two.drain, promClient, { registry, prefix: 'admin_' })
    expect(await registry.metrics()).toContain('admin_requests_in_flight 0')
  })
})

describe('with OpenTelemetry', () => {
  test('an export shows the same values', async () => {
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
    const provider = new MeterProvider({ readers: [reader] })
    onTestFinished(() => provider.shutdown())
    const { drain, url, answer } = await serve()
    otelMetrics(drain, provider.getMeter('podrain'))
    const exported = async (): Promise<Record<string, unknown>> => {
      exporter.reset()
      await provider.forceFlush()
      const points = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics))
      return Object.fromEntries(
        points.flatMap(({ descriptor, dataPoints }) =>
          dataPoints.map(({ attributes, value }) => [`${descriptor.name} ${Object.values(attributes)}`.trim(), value]),
        ),
      )
    }
    const { answered } = await busy(drain, url)
    expect(await exported()).toMatchObject({
      'podrain.state draining': 1,
      'podrain.state serving': 0,
      'podrain.requests_in_flight': 1,
      'podrain.tasks': 0,
      'podrain.refused_calls prestop': 1,
    })
    answer()
    await answered
    await drain.start()
    expect(await exported()).toMatchObject({
      'podrain.state closed': 1,
      'podrain.requests_in_flight': 0,
      'podrain.answered_requests': 1,
      'podrain.cut_requests': 0,
      'podrain.drain_duration': expect.any(Number),
    })
  })
})
