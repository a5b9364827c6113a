export type { Happening, Latency, LiveEvent, LossCause, Phase, RehearsalEvent, Sample } from './events.js'
export {
  type ClientCounts,
  type ClientKind,
  type ClientTimeouts,
  clientKinds,
  type EndpointLag,
  type PreStop,
  type ReadinessProbe,
  type RehearsalOptions,
  type RehearsalPlan,
  type RequestPaths,
} from './options.js'
export { type PageOptions, renderPage } from './page.js'
export { createProgress, type Progress, type ProgressOptions } from './progress.js'
export { type Rehearsal, rehearse } from './rehearse.js'
export { type Summary, summarise } from './summary.js'
export { renderTable, type TableOptions } from './table.js'
export { resolveOptions } from './validation.js'
