export { AgainstError, type AgainstOptions, againstRule, lintAgainst } from './against.js'
export type { Balancer } from './balancer.js'
export { presets } from './budget.js'
export { type Config, ConfigError, parseConfig } from './config.js'
export { examine } from './examine.js'
export { readSources, type Skipped } from './files.js'
export { type Edit, type Finding, type Severity, severities } from './finding.js'
export { renderGithub, renderJson, renderSarif } from './formats.js'
export { type HumanOptions, renderHuman } from './human.js'
export type { Ignore } from './ignores.js'
export { type Fixed, fix, type Ignored, isAtLeast, type LintOptions, type LintResult, lint } from './lint.js'
export {
  type HookKind,
  hookKinds,
  type ManifestKind,
  type ManifestOptions,
  manifestKinds,
  usualHook,
  writeManifest,
} from './manifest.js'
export type { Details, Report, Rule } from './rule.js'
export { type RuleGroup, ruleGroups, ruleIds, rules } from './rules/index.js'
export type { Source, SyntaxProblem } from './source.js'
export { type Workload, type WorkloadProbe, type WorkloadRequest, workloadsOf } from './workload.js'
export type { Facts } from './world.js'
