import { disruptionRules } from './disruption.js'
import { environmentRules } from './environment.js'
import { hookRules } from './hook.js'
import { meshRules } from './mesh.js'
import { nodeRules } from './node.js'
import { probeRules } from './probe.js'
import { processRules } from './process.js'
import { referenceRules } from './reference.js'
import { rolloutRules } from './rollout.js'
import type { Rule } from './rule.js'
import { schemaRules } from './schema.js'
import { timeRules } from './time.js'
import { trafficRules } from './traffic.js'

/** A group of rules about one subject. */
export interface RuleGroup {
  readonly title: string
  readonly rules: readonly Rule[]
}

/** All rules by group, in the order of `podrain lint --rules`. */
export const ruleGroups: readonly RuleGroup[] = [
  { title: 'The file', rules: schemaRules },
  { title: 'What leads nowhere', rules: referenceRules },
  { title: 'The hook', rules: hookRules },
  { title: 'Variables', rules: environmentRules },
  { title: 'Times', rules: timeRules },
  { title: 'Nodes', rules: nodeRules },
  { title: 'Probes', rules: probeRules },
  { title: 'The first process', rules: processRules },
  { title: 'Rollouts and replicas', rules: rolloutRules },
  { title: 'Evictions', rules: disruptionRules },
  { title: 'What sends to the pod', rules: trafficRules },
  { title: 'Sidecars and meshes', rules: meshRules },
]

/** All rules. */
export const rules: readonly Rule[] = ruleGroups.flatMap((group) => group.rules)

/** The ids of all rules. */
export const ruleIds: readonly string[] = rules.map(({ id }) => id)
