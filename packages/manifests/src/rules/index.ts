import { disruptionRules } from './disruption.js'
import { environmentRules } from './environment.js'
import { execHookRules } from './exec-hook.js'
import { graceRules } from './grace.js'
import { hookRules } from './hook.js'
import { httpHookRules } from './http-hook.js'
import { jobRules } from './job.js'
import { meshRules } from './mesh.js'
import { nodeRules } from './node.js'
import { optionRules } from './options.js'
import { probeRules } from './probe.js'
import { processRules } from './process.js'
import { referenceRules } from './reference.js'
import { replicaRules } from './replicas.js'
import { rolloutRules } from './rollout.js'
import type { Rule } from './rule.js'
import { schemaRules } from './schema.js'
import { trafficRules } from './traffic.js'

/** A group of rules about one subject. */
export interface RuleGroup {
  readonly title: string
  readonly rules: readonly Rule[]
}

/** All rules by group, in the order of `podrain lint --rules`. */
export const ruleGroups: readonly RuleGroup[] = [
  { title: 'The file', rules: schemaRules },
  { title: 'References', rules: referenceRules },
  { title: 'The preStop hook', rules: hookRules },
  { title: 'An httpGet hook', rules: httpHookRules },
  { title: 'An exec hook', rules: execHookRules },
  { title: 'Environment variables', rules: environmentRules },
  { title: 'Hook and grace period', rules: graceRules },
  { title: 'Options of podrain', rules: optionRules },
  { title: 'Nodes', rules: nodeRules },
  { title: 'Probes', rules: probeRules },
  { title: 'The first process and its signal', rules: processRules },
  { title: 'Rollouts', rules: rolloutRules },
  { title: 'Replicas and autoscalers', rules: replicaRules },
  { title: 'Jobs and restart policies', rules: jobRules },
  { title: 'Evictions', rules: disruptionRules },
  { title: 'Services and load balancers', rules: trafficRules },
  { title: 'Sidecars and meshes', rules: meshRules },
]

/** All rules. */
export const rules: readonly Rule[] = ruleGroups.flatMap((group) => group.rules)

/** The ids of all rules. */
export const ruleIds: readonly string[] = rules.map(({ id }) => id)
