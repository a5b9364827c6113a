import type { Drain, DrainState } from '@podrain/core'
import { flush } from './flush.js'

export { type OtelSpan, type OtelTracer, type OtelTracerProvider, otelTrace, type TraceOptions } from './trace.js'

// The parts of prom-client and OpenTelemetry that are used. With types of our own, neither of them must be installed.
type Attributes = Record<string, string>

// biome-ignore lint/suspicious/noExplicitAny: labels and a value, a value alone, or a configuration whose type is generic
type Any = any

interface PromMetric {
  set(...args: Any[]): void
}

interface PromCounter {
  inc(...args: Any[]): void
}

/**
 * The module prom-client. Pass the copy that the application imports: each copy has its own default registry, and the application
 * exposes the registry of its own copy.
 */
export interface PromClient {
  readonly Gauge: new (configuration: Any) => PromMetric
  readonly Counter: new (configuration: Any) => PromCounter
  readonly register: object
}

/** The part of a meter of `@opentelemetry/api` that is used. */
export interface OtelMeter {
  createObservableGauge(
    name: string,
    options?: { description?: string },
  ): { addCallback(observe: (result: { observe(value: number, attributes?: Attributes): void }) => void): void }
  createCounter(name: string, options?: { description?: string }): { add(value: number, attributes?: Attributes): void }
  createGauge(name: string, options?: { description?: string; unit?: string }): { record(value: number): void }
}

/** The options of both kinds of metrics. */
export interface MetricsOptions {
  /** The prefix of all names. @default 'podrain_' for prom-client, 'podrain.' for OpenTelemetry */
  prefix?: string
}

/** The options of `promMetrics()`. */
export interface PromMetricsOptions extends MetricsOptions {
  /** The `Registry` for the metrics. @default the default registry of prom-client, `register` */
  registry?: object
}

/** The options of `otelMetrics()`. */
export interface OtelMetricsOptions extends MetricsOptions {
  /**
   * The provider of the meter. It is flushed when the drain is over, before the process exits, if it has `forceFlush`. The no-op
   * provider has none, so that OpenTelemetry may be switched off. @default none: nothing is flushed
   */
  meterProvider?: object
}

const states: readonly DrainState[] = ['serving', 'draining', 'closing', 'closed']

const help = {
  state: 'The state of the drain: 1 for the present state, 0 for the others.',
  inFlight: 'Requests in flight: begun, and the response not yet closed.',
  tasks: 'Background tasks that have not finished.',
  answered: 'Requests that were answered while draining.',
  cut: 'Requests that were cut at the deadline.',
  refused: 'Calls of /prestop and /drainz that were refused.',
  duration: 'Seconds from the first sign of termination to the end of the drain.',
} as const

/**
 * Registers metrics of a drain with prom-client. Expose its registry as usual, or by the options `controlPort` and `metrics` of an
 * adapter, which answer until the drain is closed.
 *
 * @example
 * promMetrics(drain, promClient)
 *
 * @param client prom-client, as the application imports it.
 * @throws {Error} from prom-client, if the names are already registered. A second drain needs another `prefix`.
 */
export function promMetrics(drain: Drain, client: PromClient, options: PromMetricsOptions = {}): void {
  const { prefix = 'podrain_', registry = client.register } = options
  const registers = [registry]
  new client.Gauge({
    name: `${prefix}state`,
    help: help.state,
    labelNames: ['state'],
    registers,
    collect(this: PromMetric) {
      for (const state of states) this.set({ state }, drain.state === state ? 1 : 0)
    },
  })
  new client.Gauge({
    name: `${prefix}requests_in_flight`,
    help: help.inFlight,
    registers,
    collect(this: PromMetric) {
      this.set(drain.inFlight)
    },
  })
  new client.Gauge({
    name: `${prefix}tasks`,
    help: help.tasks,
    registers,
    collect(this: PromMetric) {
      this.set(drain.status().tasks.length)
    },
  })
  const answered = new client.Counter({ name: `${prefix}answered_requests_total`, help: help.answered, registers })
  const cut = new client.Counter({ name: `${prefix}cut_requests_total`, help: help.cut, registers })
  const duration = new client.Gauge({ name: `${prefix}drain_duration_seconds`, help: help.duration, registers })
  const refused = new client.Counter({
    name: `${prefix}refused_calls_total`,
    help: help.refused,
    labelNames: ['endpoint'],
    registers,
  })
  drain.on('refused', ({ endpoint }) => refused.inc({ endpoint }))
  drain.on('report', (report) => {
    answered.inc(report.answered)
    cut.inc(report.cut.length)
    duration.set(report.durationMs / 1000)
  })
}

/**
 * Creates the same metrics with a meter of OpenTelemetry. The metrics of the report (answered, cut, duration) are known only when
 * the process is about to exit. Without `meterProvider` they are lost, unless other code flushes the provider after the drain.
 *
 * @example
 * otelMetrics(drain, metrics.getMeter('podrain'), { meterProvider: metrics.getMeterProvider() })
 */
export function otelMetrics(drain: Drain, meter: OtelMeter, options: OtelMetricsOptions = {}): void {
  const { prefix = 'podrain.', meterProvider } = options
  meter.createObservableGauge(`${prefix}state`, { description: help.state }).addCallback((result) => {
    for (const state of states) result.observe(drain.state === state ? 1 : 0, { state })
  })
  meter
    .createObservableGauge(`${prefix}requests_in_flight`, { description: help.inFlight })
    .addCallback((result) => result.observe(drain.inFlight))
  meter
    .createObservableGauge(`${prefix}tasks`, { description: help.tasks })
    .addCallback((result) => result.observe(drain.status().tasks.length))
  const answered = meter.createCounter(`${prefix}answered_requests`, { description: help.answered })
  const cut = meter.createCounter(`${prefix}cut_requests`, { description: help.cut })
  const refused = meter.createCounter(`${prefix}refused_calls`, { description: help.refused })
  const duration = meter.createGauge(`${prefix}drain_duration`, { description: help.duration, unit: 's' })
  drain.on('refused', ({ endpoint }) => refused.add(1, { endpoint }))
  drain.on('report', (report) => {
    answered.add(report.answered)
    cut.add(report.cut.length)
    duration.record(report.durationMs / 1000)
  })
  if (meterProvider) drain.onReport(() => flush(meterProvider), { name: 'otelMetrics' })
}
