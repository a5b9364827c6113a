import { describe, test } from 'vitest'
import { Collector } from './support/collector.js'
import { Service } from './support/service.js'
import { Upstream } from './support/upstream.js'

describe.concurrent('a service with OpenTelemetry traces', () => {
  test('exports the span of every request that it has answered during the drain', async (context) => {
    const { expect } = context
    const collector = await Collector.start(context)
    const upstream = await Upstream.start(context)
    const service = await Service.start(context, 'opentelemetry.js', {
      UPSTREAM_URL: upstream.url,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      // So long that spans are exported only at the end.
      OTEL_BSP_SCHEDULE_DELAY: '600000',
      OTEL_METRICS_EXPORTER: 'none',
      OTEL_LOGS_EXPORTER: 'none',
    })
    const slow = service.ask('/prices/slow')
    await expect.poll(upstream.held).toBe(1)
    service.signal('SIGTERM')
    await service.line(/draining because of SIGTERM/)
    expect((await service.status()).inFlight).toBe(1)
    const later = Array.from({ length: 100 }, () => service.ask('/prices/bolt'))
    expect(new Set((await Promise.all(later)).map(({ status }) => status))).toEqual(new Set([200]))
    upstream.release()
    expect((await slow).status).toBe(200)
    expect(await service.exit).toEqual([0, null])
    // Requests to podrain's endpoints have no spans.
    expect(collector.paths.toSorted()).toEqual([...Array(100).fill('/prices/bolt'), '/prices/slow'])
    expect(service.lines.join('\n')).toMatch(/nothing cut/)
  })
})
