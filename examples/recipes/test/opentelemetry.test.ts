import { describe, test } from 'vitest'
import { Collector } from './support/collector.js'
import { Service } from './support/service.js'
import { Upstream } from './support/upstream.js'

describe.concurrent('a service that is traced by OpenTelemetry', () => {
  test('exports the span of every request that it has answered while it drained', async (context) => {
    const { expect } = context
    const collector = await Collector.start(context)
    const upstream = await Upstream.start(context)
    const service = await Service.start(context, 'opentelemetry.js', {
      UPSTREAM_URL: upstream.url,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      // Nothing but the end makes it export.
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
    // What podrain answers makes no spans.
    expect(collector.paths.toSorted()).toEqual([...Array(100).fill('/prices/bolt'), '/prices/slow'])
    expect(service.lines.join('\n')).toMatch(/nothing forced/)
  })
})
