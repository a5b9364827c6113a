export { type AdapterOptions, type Attachment, attach } from './adapter.js'
export type { Check, CheckOutcome } from './checks.js'
export type { Clock } from './clock.js'
export {
  Drain,
  type DrainEvents,
  type DrainState,
  type DrainStatus,
  type StartOptions,
} from './drain.js'
export { controlEndpoints, type EndpointOptions, type EndpointPaths, type Handler } from './endpoints.js'
export type { Hook, HookOptions, HookResult } from './hooks.js'
export type { Logger } from './log.js'
export type { DrainOptions, SettleOptions } from './options.js'
export type { DrainReport, OpenRequest } from './report.js'
export { drainServer } from './server.js'
export type { ExitCause, ExitListener, ExitSource, Signal } from './signals.js'
export type { TaskOptions } from './tasks.js'
