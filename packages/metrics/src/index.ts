import type { Drain, DrainState } from '@podrain/core'
import { flush } from './flush.js'

export { type OtelSpan, type OtelTracer, type OtelTracerProvider, otelTrace, type TraceOptions } from './trace.js'

// What is used of prom-client and OpenTelemetry, so that the types need neither of them to be installed.
type Attributes = Record<string, string>

// biome-ignore lint/suspicious/noExplicitAny: labels and a value, a value alone, or a configuration whose type is generic
type Any = any

interface PromMetric {
  set(...args: Any[]): void
}

interface PromCounter {
  inc(...args: Any[]): void
}

/** prom-client, as you imported it: it keeps what it counts in itself, and a second copy would count for nobody. */
export interface PromClient {
  readonly Gauge: new (configuration: Any) => PromMetric
  readonly Counter: new (configuration: Any) => PromCounter
  readonly register: object
}

/** A meter of `@opentelemetry/api`. */
export interface OtelMeter {
  createObservableGauge(
    name: string,
    options?: { description?: string },
  ): { addCallback(observe: (result: { observe(value: number, attributes?: Attributes): void }) => void): void }
  createCounter(name: string, options?: { description?: string }): { add(value: number, attributes?: Attributes): void }
  createGauge(name: string, options?: { description?: string; unit?: string }): { record(value: number): void }
}

export interface MetricsOptions {
  /** What all names begin with. @default 'podrain_', for OpenTelemetry 'podrain.' */
  prefix?: string
}

export interface PromMetricsOptions extends MetricsOptions {
  /** A `Registry` to register them with. @default the registry of prom-client itself */
  registry?: object
}

export interface OtelMetricsOptions extends MetricsOptions {
  /**
   * The provider of the meter: it is flushed when the drain is over, before the process exits. One that cannot be flushed,
   * as where OpenTelemetry is switched off, is left alone. @default none
   */
  meterProvider?: object
}

const states: readonly DrainState[] = ['serving', 'draining', 'closing', 'closed']

const help = {
  state: 'The state of the drain: 1 for the one it is in.',
  inFlight: 'Requests begun whose responses have not closed.',
  tasks: 'Background tasks that have not ended.',
  answered: 'Requests that were answered while draining.',
  forced: 'Requests that were cut at the deadline.',
  refused: 'Calls of /prestop and /drainz that were refused.',
  duration: 'Seconds from the first sign of the end to the end.',
} as const

/**
 * Registers metrics of a drain with prom-client. Its registry is then read as usual, or by the options `controlPort` and `metrics`.
 *
 * @example
 * promMetrics(drain, promClient)
 *
 * @throws {Error} from prom-client, if the names are registered already: give a second drain a `prefix` of its own
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
  const forced = new client.Counter({ name: `${prefix}forced_requests_total`, help: help.forced, registers })
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
    forced.inc(report.forced.length)
    duration.set(report.durationMs / 1000)
  })
}

/**
 * The same with a meter of OpenTelemetry. What the report adds is known when the process is about to exit. So it is lost
 * without `meterProvider`, unless something else flushes after the drain.
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
  const forced = meter.createCounter(`${prefix}forced_requests`, { description: help.forced })
  const refused = meter.createCounter(`${prefix}refused_calls`, { description: help.refused })
  const duration = meter.createGauge(`${prefix}drain_duration`, { description: help.duration, unit: 's' })
  drain.on('refused', ({ endpoint }) => refused.add(1, { endpoint }))
  drain.on('report', (report) => {
    answered.add(report.answered)
    forced.add(report.forced.length)
    duration.record(report.durationMs / 1000)
  })
  if (meterProvider) drain.onReport(() => flush(meterProvider), { name: 'otelMetrics' })
}
