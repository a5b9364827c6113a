export { type Behind, presets } from '@podrain/core/budget'
export type { ClientTimeouts } from './load/client.js'
export type { Kind } from './load/kind.js'
export { type ClientCounts, type ClientKind, clientKinds, kinds, pathNames } from './load/kinds.js'
export type { LossCause } from './load/outcome.js'
export type { Latency, Sample } from './load/sample.js'
export { EndlessResponseError, type Look, look, WrongAddressError, WrongProtocolError } from './look.js'
export { type Shortfalls, shortfallsOf } from './plan/estimate.js'
export {
  type AppFacts,
  type EndpointLag,
  type Framework,
  frameworks,
  type GrpcCall,
  type GrpcProbe,
  type HopOptions,
  type HttpGet,
  type KnownOptions,
  type PlannedRequest,
  type PreStop,
  type Probe,
  type RehearsalOptions,
  type RehearsalPlan,
  type RequestPaths,
  type RequestPlan,
  type RequestSpec,
  type Scenario,
  type Scheme,
  scenarioNames,
  type Through,
  throughNames,
  unknowable,
  type WorkloadKind,
  workloadKinds,
} from './plan/options.js'
export { planRequests } from './plan/requests.js'
export { resolveOptions } from './plan/resolve.js'
export { rehearse } from './rehearse.js'
export type { DiagnosisKind } from './result/coroner.js'
export type { Diagnosis } from './result/diagnosis.js'
export type { Outage } from './result/outage.js'
export { conclude, type Rehearsal, resultFormat } from './result/rehearsal.js'
export type { Summary } from './result/summary.js'
export type { Verdict } from './result/verdict.js'
export { type PageOptions, renderPage } from './show/page.js'
export { createProgress, type Progress, type ProgressOptions } from './show/progress.js'
export { renderTable, type TableOptions } from './show/table.js'
export { verdictOfAll, verdictSentence } from './show/verdict.js'
export type {
  Disruption,
  Happening,
  KillReason,
  LiveEvent,
  LostEvent,
  MoreLostHappening,
  Phase,
  RehearsalEvent,
} from './timeline/events.js'
export type { Upstream, UpstreamEnd } from './timeline/upstream.js'
