export { type AdapterOptions, type Attachment, attach } from './adapter.js'
export type { Check, CheckOutcome } from './checks.js'
export type { Clock } from './clock.js'
export { type ClusterOptions, drainCluster } from './cluster.js'
export { Drain, type WatchOptions } from './drain.js'
export type { EndpointOptions, EndpointPaths } from './endpoint-options.js'
export { controlEndpoints, type Handler } from './endpoints.js'
export type { Hook, HookOptions, HookResult } from './hooks.js'
export type { Logger, ReportFormat } from './log.js'
export { type DrainOptions, type ResolvedOptions, resolveOptions, type SettleOptions } from './options.js'
export { type Behind, type Preset, presets } from './presets.js'
export type { DrainReport, OpenRequest } from './report.js'
export type { MetricsSource } from './scrape.js'
export { drainServer } from './server.js'
export type { ExitCause, ExitListener, ExitSource, Signal } from './signals.js'
export type {
  DrainEvents,
  DrainState,
  DrainStatus,
  DrainTimes,
  PrestopOptions,
  Refusal,
  SettleCondition,
  StartOptions,
  TerminatingOptions,
} from './states.js'
export type { TaskOptions } from './tasks.js'
export { drainThread } from './threads.js'
