export { type ClientCounts, type ClientKind, clientKinds } from './client-kinds.js'
export type { DiagnosisKind } from './coroner.js'
export type { Diagnosis } from './diagnosis.js'
export type {
  Disruption,
  Happening,
  KillReason,
  Latency,
  LiveEvent,
  LossCause,
  LostEvent,
  Phase,
  RehearsalEvent,
  Sample,
} from './events.js'
export { type Look, look, WrongPortError } from './look.js'
export {
  type Behind,
  type ClientTimeouts,
  type EndpointLag,
  lagBehind,
  type PlannedRequest,
  type PreStop,
  type ReadinessProbe,
  type RehearsalOptions,
  type RehearsalPlan,
  type RequestPaths,
  type RequestPlan,
  type RequestSpec,
  type Scenario,
  scenarioNames,
} from './options.js'
export { type PageOptions, renderPage } from './page.js'
export { createProgress, type Progress, type ProgressOptions } from './progress.js'
export { type Rehearsal, rehearse, resultFormat } from './rehearse.js'
export { type Summary, summarise } from './summary.js'
export { renderTable, type TableOptions } from './table.js'
export { resolveOptions } from './validation.js'
