export { type Attachment, attach, controlEndpoints } from './adapter.js'
export { type AdapterOptions, checkOptions } from './adapter-options.js'
export { Drain } from './drain.js'
export { type ClusterOptions, drainCluster, drainClusterUnlessDrained } from './drain-cluster.js'
export { drainServer } from './drain-server.js'
export { drainThread } from './drain-thread.js'
export type { Check, CheckOutcome } from './endpoints/checks.js'
export { isControlServer } from './endpoints/control-listener.js'
export type { MetricsSource } from './endpoints/metrics.js'
export type { EndpointOptions, EndpointPaths } from './endpoints/options.js'
export { isWatched } from './http/owners.js'
export type { DrainOptions, ResolvedOptions, SettleOptions, Times, WatchOptions } from './options.js'
export { type Ending, type Outcome, outcomeOf, outcomeText } from './outcome/outcome.js'
export type { ExitCause, ExitListener, ExitSource } from './process/exit-listeners.js'
export type { Signal } from './process/signals.js'
export { resolveOptions } from './resolve-options.js'
export type { Clock } from './shared/clock.js'
export type { Logger, ReportFormat } from './shared/log.js'
export type { Platform } from './shared/platform.js'
export { type Behind, type Preset, presets } from './shared/presets.js'
export type { DrainReport, HookResult, OpenRequest } from './shared/report.js'
export type { Answer } from './shared/request.js'
export type {
  DrainEvents,
  DrainState,
  DrainStatus,
  DrainTimes,
  PrestopOptions,
  Refusal,
  SettleCondition,
  SettleVerdict,
  StartOptions,
  TerminatingOptions,
  Vacancy,
} from './shared/states.js'
export type { Hook, HookOptions, ReportHook } from './termination/hooks.js'
export type { TaskOptions } from './termination/tasks.js'
export { hasPrimary } from './workers/link.js'
export { isDrained, threadWithDrain } from './workers/threads.js'
