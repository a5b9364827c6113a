import { type Drain, type DrainReport, outcomeOf } from '@podrain/core'
import { flush } from './flush.js'

type Attributes = Record<string, string | number | boolean | string[]>

/** The part of a span of `@opentelemetry/api` that is used. */
export interface OtelSpan {
  addEvent(name: string, attributes: Attributes, time: Date): unknown
  setStatus(status: { code: number; message?: string }): unknown
  end(time: Date): void
}

/** The part of a tracer of `@opentelemetry/api` that is used. */
export interface OtelTracer {
  // biome-ignore lint/suspicious/noExplicitAny: the context has a type of the API
  startSpan(name: string, options?: { startTime?: Date; attributes?: Attributes }, context?: any): OtelSpan
}

/** The part of a tracer provider of `@opentelemetry/api` that is used. It is flushed if it has `forceFlush`, as in the SDK. */
export interface OtelTracerProvider {
  getTracer(name: string): OtelTracer
}

/** The options of `otelTrace()`. */
export interface TraceOptions {
  /** The provider of the tracer. It is flushed when the trace is recorded. @default the global provider of `@opentelemetry/api` */
  tracerProvider?: OtelTracerProvider
  /** The tracer that records the trace. @default the tracer `podrain` of the provider */
  tracer?: OtelTracer
  /** Exports what the tracer has recorded. @default `forceFlush` of the provider, if it has that method */
  flush?: () => Promise<unknown>
}

/** The largest number of cut requests, and of places in the code, that become events of the trace. SDKs keep 128 events of a span. */
const mostEvents = 50
/** `SpanStatusCode.ERROR` of `@opentelemetry/api`. */
const statusError = 2

/**
 * Records a trace of the drain when the drain is over, and flushes it before the process exits. The root span is `podrain drain`. Its
 * children are `settle`, `closing` and each hook. Requests that were cut, and places in the code that closed a server too early, are
 * events of the root span. Its status is ERROR unless the drain was clean. Needs `@opentelemetry/api`.
 *
 * @example
 * otelTrace(drain, { tracerProvider: trace.getTracerProvider() })
 */
export function otelTrace(drain: Drain, options: TraceOptions = {}): void {
  drain.onReport(
    async (report) => {
      const { ROOT_CONTEXT, trace } = await import('@opentelemetry/api')
      const provider: OtelTracerProvider = options.tracerProvider ?? trace.getTracerProvider()
      const tracer = options.tracer ?? provider.getTracer('podrain')
      // The trace has no parent, even if another trace is active where the hook runs.
      record(report, tracer, ROOT_CONTEXT, (root) => trace.setSpan(ROOT_CONTEXT, root as never))
      await (options.flush ? options.flush() : flush(provider))
    },
    { name: 'otelTrace' },
  )
}

function record(report: DrainReport, tracer: OtelTracer, none: object, below: (root: OtelSpan) => object): void {
  const outcome = outcomeOf(report)
  const begun = new Date(report.startedAt)
  const settled = new Date(report.startedAt + report.settleMs)
  const ended = new Date(report.startedAt + report.durationMs)
  const attributes: Attributes = {
    'podrain.outcome': outcome.outcome,
    'podrain.reason': report.reason,
    'podrain.answered_requests': report.answered,
    'podrain.cut_requests': report.cut.length,
    'podrain.unfinished_tasks': [...(outcome.unfinishedTasks ?? [])],
    'podrain.undelivered_bytes': report.undeliveredBytes,
    'podrain.unknown_connections': report.unknownConnections,
  }
  const root = tracer.startSpan('podrain drain', { startTime: begun, attributes }, none)
  const context = below(root)
  tracer.startSpan('settle', { startTime: begun }, context).end(settled)
  tracer.startSpan('closing', { startTime: settled }, context).end(ended)
  for (const { name, outcome, startedAt, durationMs } of report.hooks) {
    if (startedAt === undefined) continue
    const options = { startTime: new Date(startedAt), attributes: { 'podrain.hook.outcome': outcome } }
    const span = tracer.startSpan(`hook ${name}`, options, context)
    if (outcome !== 'ok') span.setStatus({ code: statusError, message: outcome })
    span.end(new Date(startedAt + durationMs))
  }
  for (const { method, path, ageMs } of report.cut.slice(0, mostEvents)) {
    const request = { 'http.request.method': method, 'url.path': path, 'podrain.age_ms': Math.round(ageMs) }
    root.addEvent('request cut', request, ended)
  }
  for (const place of report.closedEarly.slice(0, mostEvents)) {
    root.addEvent('closed too early', { 'podrain.closed_by': place }, ended)
  }
  if (!report.clean) root.setStatus({ code: statusError, message: outcome.error ?? outcome.outcome })
  root.end(ended)
}
