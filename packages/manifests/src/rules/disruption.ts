import type { Pod } from '../objects/pod.js'
import type { Resource } from '../objects/resource.js'
import { shownLabels, writtenLabels } from '../objects/selector.js'
import { amountOf } from '../shared/amount.js'
import type { Place } from '../text/place.js'
import type { Least, World } from '../world/world.js'
import { each, listed, type Rule } from './rule.js'

/** The pods that a budget selects, and their lowest number; undefined if the files do not say it. */
function podsOf(budget: Resource, world: World): { pods: readonly Pod[]; least: Least | undefined } {
  const pods = world.selected(budget, budget.get('spec', 'selector'))
  const [only] = pods
  const isSaid =
    pods.length === 1 &&
    only !== undefined &&
    (world.autoscalersOf(only).length > 0 || only.resource.get('spec', 'replicas').exists)
  return { pods, least: isSaid ? world.leastOf(only) : undefined }
}

function shown(place: Place): string {
  return `\`${place.name}\` ${place.value}`
}

const blocks: Rule = {
  id: 'pdb-blocks',
  severity: 'warning',
  severityReason: 'No request is lost, but the drain of the node waits.',
  title: 'A PodDisruptionBudget that permits no eviction',
  why: 'A node with such a pod cannot be drained: `kubectl drain` and node upgrades wait until somebody deletes the pod by hand, past the budget. Percentages are rounded up: 90 % of 3 is 3.',
  check: each(['PodDisruptionBudget'], (budget, report, world) => {
    const most = budget.get('spec', 'maxUnavailable')
    const least = budget.get('spec', 'minAvailable')
    const { pods, least: lowest } = podsOf(budget, world)
    if (most.value === 0 || most.text === '0' || most.text === '0%') {
      report(most, `No pod may ever be evicted: ${shown(most)}`, { fix: 'maxUnavailable: 1' })
    } else if (least.text === '100%') {
      report(least, 'No pod may ever be evicted: all pods have to be available', {
        fix: 'maxUnavailable: 1, in place of minAvailable',
      })
    } else if (lowest !== undefined && least.exists) {
      // An autoscaler that scales to 0 has 1 pod before that.
      const count = Math.max(1, lowest.pods)
      const needed = amountOf(least.value, count, Math.ceil)
      if (needed === undefined || needed < count || (lowest.pods === 0 && !lowest.because.includes('/'))) return
      const scaled = pods.some((pod) => world.autoscalersOf(pod).length > 0)
      const sum = least.number === undefined ? `of ${count}, rounded up, is ${needed}` : `needs ${needed} of ${count}`
      report(
        least,
        `No pod may ${scaled ? `be evicted while there ${count === 1 ? 'is only 1 pod' : `are only ${count} pods`} (${lowest.because})` : 'ever be evicted'}: ${shown(least)} ${sum}${scaled ? '' : count === 1 ? ' pod' : ' pods'}`,
        {
          fix:
            count > 1
              ? 'maxUnavailable: 1, in place of minAvailable'
              : pods.some((pod) => world.isAlone(pod))
                ? 'maxUnavailable: 1, if a moment without the pod is acceptable'
                : `${scaled ? 'At least 2 pods' : 'replicas: 2'}; or maxUnavailable: 1, if a moment without the pod is acceptable`,
        },
      )
    }
  }),
}

const permitsAll: Rule = {
  id: 'pdb-permits-all',
  severity: 'warning',
  severityReason: 'It matters only while nodes are drained.',
  title: 'A PodDisruptionBudget that permits the eviction of all pods',
  why: 'All pods may be evicted at the same time, as without a budget. Percentages are rounded up: 50 % of 1 is 1.',
  check: each(['PodDisruptionBudget'], (budget, report, world) => {
    const most = budget.get('spec', 'maxUnavailable')
    const least = budget.get('spec', 'minAvailable')
    const count = podsOf(budget, world).least?.pods
    if (least.value === 0 || least.text === '0' || least.text === '0%') {
      report(least, `All pods may be evicted at the same time: ${shown(least)}`, {
        fix: 'maxUnavailable: 1, in place of minAvailable',
      })
    } else if (most.text === '100%') {
      report(most, 'All pods may be evicted at the same time', { fix: 'maxUnavailable: 1' })
    } else if (count !== undefined && count > 1) {
      const missing = amountOf(most.value, count, Math.ceil)
      if (missing === undefined || missing < count) return
      const sum =
        most.number === undefined ? `${most.text} of ${count}, rounded up, is ${missing}` : `${missing} of ${count}`
      report(most, `All pods may be evicted at the same time: ${sum}`, { fix: 'maxUnavailable: 1' })
    }
  }),
}

const bothLimits: Rule = {
  id: 'pdb-both-limits',
  severity: 'error',
  severityReason:
    'The API server refuses both together. With neither it is a warning: the API server accepts the budget, and the budget permits no eviction.',
  title: 'A PodDisruptionBudget with both limits, or with none',
  why: '`minAvailable` and `maxUnavailable` exclude each other: the API server refuses both together. It accepts a budget with neither, which then permits no eviction: a node with such a pod cannot be drained.',
  check: each(['PodDisruptionBudget'], (budget, report) => {
    const [most, least] = [budget.get('spec', 'maxUnavailable'), budget.get('spec', 'minAvailable')]
    if (most.exists && least.exists && most.value !== null && least.value !== null) {
      report(least, '`minAvailable` and `maxUnavailable` exclude each other: the API server refuses both together', {
        fix: 'Keep `maxUnavailable`',
      })
    } else if (!most.exists && !least.exists && budget.get('spec', 'selector').exists) {
      // A budget without a selector is a patch, and its limit is elsewhere.
      report(
        budget.get('spec'),
        'The budget has neither `minAvailable` nor `maxUnavailable`, and so permits no eviction',
        {
          severity: 'warning',
          fix: 'maxUnavailable: 1',
        },
      )
    }
  }),
}

const matchesNothing: Rule = {
  id: 'pdb-matches-nothing',
  severity: 'warning',
  severityReason: 'The pods may be in other files.',
  title: 'A PodDisruptionBudget whose selector selects no pod',
  why: 'A budget selects pods by the labels of the pod template, not by those of the Deployment. A budget that selects no pod protects none, and Kubernetes reports no error.',
  check: each(['PodDisruptionBudget'], (budget, report, world) => {
    const selector = budget.get('spec', 'selector')
    if (selector.get('matchExpressions').exists || selector.get('matchLabels').entries.length === 0) return
    if (podsOf(budget, world).pods.length > 0) return
    // Its pods may be in other files. A pod of the same name, or with one of the labels, is probably meant.
    const names = selector.get('matchLabels').entries.filter(([name]) => /name$|^app$/.test(name))
    const [meant] = [
      ...world.podsNamed(budget.name),
      ...names.flatMap(([name, place]) => world.labelled(name, place.text ?? '')),
    ]
    if (meant === undefined) return
    report(
      selector.get('matchLabels'),
      `The selector matches no pod in these files: the pods of ${meant.resource.label} have ${shownLabels(meant.labels)}`,
      {
        fix: `matchLabels: { ${writtenLabels(meant.labels)} }, or those of them that stay the same from one deploy to the next`,
      },
    )
  }),
}

const noBudget: Rule = {
  id: 'no-pdb',
  severity: 'info',
  severityReason: 'A budget may be in other files, and some clusters never drain their nodes.',
  title: 'Several pods behind a Service without a PodDisruptionBudget',
  why: 'A rolling update ignores budgets. But while nodes are drained, all pods without a budget may be evicted at the same time.',
  check(world, report) {
    const budgets = [...world.kind('PodDisruptionBudget'), ...world.kind('PodUnavailableBudget')]
    const selectsAny = budgets.some(
      (budget) =>
        budget.get('spec', 'selector', 'matchExpressions').exists ||
        // An empty selector selects every pod of its namespace.
        budget.get('spec', 'selector', 'matchLabels').entries.length === 0,
    )
    if (selectsAny) return
    const budgeted = new Set(budgets.flatMap((budget) => world.selected(budget, budget.get('spec', 'selector'))))
    // A budget that is meant for the pods but does not select them is found by another rule.
    const names = new Set(budgets.map(({ name }) => name))
    for (const pod of world.pods) {
      if (!['Deployment', 'StatefulSet', 'Rollout', 'CloneSet'].includes(pod.kind) || !pod.isWhole) continue
      if ((pod.replicas ?? 0) < 2 || world.exposureOf(pod) !== 'served') continue
      if (budgeted.has(pod) || names.has(pod.resource.name)) continue
      report(
        pod.resource.get('metadata', 'name'),
        `${pod.replicas} pods, and no PodDisruptionBudget in these files: all may be evicted at the same time`,
        {
          fix: 'Add a PodDisruptionBudget with maxUnavailable: 1',
        },
      )
    }
  },
}

const unhealthyStay: Rule = {
  id: 'pdb-unhealthy-pods',
  severity: 'info',
  severityReason: 'It matters only when a node with such a pod is drained.',
  title: 'A PodDisruptionBudget that protects pods that do not work',
  why: 'A pod that crashes again and again is never ready. A budget that has too few ready pods forbids its eviction: the drain of the node waits for a pod that cannot serve. `unhealthyPodEvictionPolicy: AlwaysAllow` (stable since Kubernetes 1.31) permits the eviction. (One finding stands for all budgets.)',
  check: (world, report) => {
    const keeping = world
      .kind('PodDisruptionBudget')
      .filter(
        (budget) =>
          budget.apiVersion === 'policy/v1' &&
          !budget.get('spec', 'unhealthyPodEvictionPolicy').exists &&
          podsOf(budget, world).pods.length > 0,
      )
    const [first] = keeping
    if (first === undefined) return
    report(
      first.get('spec'),
      `Pods that are not ready cannot be evicted while ${listed(keeping.map(({ label }) => label))} ${keeping.length === 1 ? 'has' : 'have'} too few ready pods`,
      { fix: 'unhealthyPodEvictionPolicy: AlwaysAllow' },
    )
  },
}

export const disruptionRules: readonly Rule[] = [
  blocks,
  permitsAll,
  bothLimits,
  matchesNothing,
  noBudget,
  unhealthyStay,
]
