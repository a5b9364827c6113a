export { AgainstError, type AgainstOptions, againstRule, lintAgainst } from './lint/against.js'
export { type Config, ConfigError, parseConfig } from './lint/config.js'
export type { Ignore } from './lint/ignores.js'
export { type Fixed, fix, type Ignored, isAtLeast, type LintOptions, type LintResult, lint } from './lint/lint.js'
export { examine } from './objects/examine.js'
export { type Workload, type WorkloadProbe, type WorkloadRequest, workloadsOf } from './read/workload.js'
export { type Finding, type Severity, severities } from './rules/finding.js'
export { type RuleGroup, ruleGroups, ruleIds, rules } from './rules/index.js'
export type { Details, Report, Rule } from './rules/rule.js'
export { presets } from './shared/budget.js'
export { minorOf } from './shared/version.js'
export { renderGithub, renderJson, renderSarif } from './show/formats.js'
export { type HumanOptions, renderHuman } from './show/human.js'
export type { Edit } from './text/edits.js'
export { bytesOf, type Encoding } from './text/encoding.js'
export type { Skipped } from './text/skipped.js'
export type { Source, SyntaxProblem } from './text/source.js'
export { readSources } from './tree/files.js'
export type { Balancer } from './world/balancer.js'
export type { Facts } from './world/world.js'
export { type DefaultingOptions, writeDefaultingPolicy } from './write/defaulting.js'
export { writeFiles, writeManifest } from './write/files.js'
export {
  type HookKind,
  hookKinds,
  type ManifestKind,
  type ManifestOptions,
  manifestKinds,
  usualHook,
} from './write/manifest.js'
export type { Written } from './write/pieces.js'
export { type PolicyAction, type PolicyOptions, policyActions, writePolicies } from './write/policies.js'
