import type { Drain, DrainReport, HookResult } from '@podrain/core'

// What is used of OpenTelemetry, so that the types do not need it to be installed.
// biome-ignore lint/suspicious/noExplicitAny: contexts and spans are only passed on
type Any = any

type Attributes = Record<string, string | number | boolean | string[]>

interface Span {
  addEvent(name: string, attributes: Attributes, time: Date): unknown
  recordException(error: Any, time: Date): void
  setStatus(status: { code: number; message?: string }): unknown
  end(time: Date): void
}

interface Tracer {
  startSpan(name: string, options: { startTime: Date; attributes?: Attributes }, context: Any): Any
}

interface TracerProvider {
  getTracer(name: string): Tracer
  forceFlush?(): Promise<void>
  /** What `@opentelemetry/api` gives stands for the provider of the SDK, and knows it. */
  getDelegate?(): object
}

/** `@opentelemetry/api`, as you imported it: it keeps what the SDK has registered in itself. */
export interface OtelApi {
  readonly ROOT_CONTEXT: object
  readonly trace: {
    getTracerProvider(): object
    setSpan(context: Any, span: Any): Any
  }
}

export interface OtelTraceOptions {
  /** The `TracerProvider` to use. @default the one that is registered when the drain ends */
  provider?: object
}

/** `SpanStatusCode.ERROR`. */
const failed = 2

/** Events of one name in a span at most: the SDK keeps 128 of all names. */
const mostEvents = 50

/**
 * Makes a trace of the drain when its report is known, and exports it before the process exits, within half of the time until
 * SIGKILL. The span `podrain drain` has the parts of the drain and its hooks as children, and an event for each request that was
 * cut and each place that closed a server too early. Its status is an error unless the drain was clean.
 *
 * @example
 * import * as opentelemetry from '@opentelemetry/api'
 * otelTrace(drain, opentelemetry)
 */
export function otelTrace(drain: Drain, api: OtelApi, options: OtelTraceOptions = {}): void {
  const sendTrace = async (report: DrainReport): Promise<void> => {
    const provider = (options.provider ?? api.trace.getTracerProvider()) as TracerProvider
    record(report, api, provider.getTracer('@podrain/metrics'))
    const exporting = (provider.getDelegate?.() ?? provider) as TracerProvider
    await exporting.forceFlush?.()
  }
  drain.onReport(sendTrace, { name: 'export of the trace' })
}

function record(report: DrainReport, { trace, ROOT_CONTEXT }: OtelApi, tracer: Tracer): void {
  const at = (ms: number): Date => new Date(report.startedAt + ms)
  const end = at(report.durationMs)
  const root: Span = tracer.startSpan(
    'podrain drain',
    { startTime: at(0), attributes: attributesOf(report) },
    ROOT_CONTEXT,
  )
  const context = trace.setSpan(ROOT_CONTEXT, root)
  const child = (name: string, startTime: Date): Span => tracer.startSpan(name, { startTime }, context)

  child('settle', at(0)).end(at(report.settleMs))
  child('closing', at(report.settleMs)).end(end)
  for (const hook of report.hooks) {
    const { name, startedAt = end.getTime() } = hook // one that did not begin before the time ran out
    recordHook(hook, child(`hook ${name}`, new Date(startedAt)), new Date(startedAt + hook.durationMs))
  }

  for (const { method, route, ageMs } of report.forced.slice(0, mostEvents)) {
    const request = { 'http.request.method': method, 'url.path': route, 'podrain.age_ms': Math.round(ageMs) }
    root.addEvent('request cut', request, end)
  }
  for (const place of report.closedEarly.slice(0, mostEvents)) {
    root.addEvent('closed early', { 'podrain.closed_by': place }, end)
  }
  if (report.error !== undefined) root.recordException(report.error, end)
  if (!report.clean) root.setStatus({ code: failed })
  root.end(end)
}

function recordHook({ outcome, error }: HookResult, span: Span, end: Date): void {
  if (error !== undefined) span.recordException(error, end)
  if (outcome !== 'ok') span.setStatus({ code: failed, message: outcome })
  span.end(end)
}

function attributesOf(report: DrainReport): Attributes {
  return {
    'podrain.reason': report.reason,
    'podrain.clean': report.clean,
    'podrain.answered': report.answered,
    'podrain.forced': report.forced.length,
    'podrain.closed_early': report.closedEarly.length,
    'podrain.unfinished_tasks': report.unfinishedTasks,
    'podrain.undelivered_bytes': report.undeliveredBytes,
    'podrain.unknown_connections': report.unknownConnections,
  }
}
