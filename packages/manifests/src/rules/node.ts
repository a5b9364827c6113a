import type { Pod } from '../objects/pod.js'
import type { Place } from '../text/place.js'
import type { World } from '../world/world.js'
import { eachPod, type Rule } from './rule.js'

/** A kind of spot node, by the label that pods select. */
interface Spot {
  readonly label: string
  readonly value: RegExp
  /** Seconds from the notice to the end of the node. */
  readonly notice: number
  readonly who: string
}

const spots: readonly Spot[] = [
  // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
  ...['karpenter.sh/capacity-type', 'eks.amazonaws.com/capacityType', 'node.kubernetes.io/lifecycle'].map((label) => ({
    label,
    value: /^spot$/i,
    notice: 120,
    who: 'AWS',
  })),
  // The notice is 30 s, of which pods of users get 15: https://cloud.google.com/kubernetes-engine/docs/concepts/spot-vms
  ...['cloud.google.com/gke-spot', 'cloud.google.com/gke-preemptible'].map((label) => ({
    label,
    value: /^true$/,
    notice: 15,
    who: 'Google',
  })),
  // https://learn.microsoft.com/en-us/azure/virtual-machines/spot-vms
  { label: 'kubernetes.azure.com/scalesetpriority', value: /^spot$/, notice: 30, who: 'Azure' },
]

/** The spot nodes that a pod requires. A pod that only tolerates them may run on other nodes. */
function spotOf(pod: Pod): Spot | undefined {
  const selector = pod.spec.get('nodeSelector')
  const terms = pod.spec
    .get('affinity', 'nodeAffinity', 'requiredDuringSchedulingIgnoredDuringExecution', 'nodeSelectorTerms')
    .items.map((term) => term.get('matchExpressions').items)
  return spots.find(
    ({ label, value }) =>
      value.test(String(selector.get(label).value ?? '')) ||
      (terms.length > 0 && terms.every((expressions) => expressions.some((each) => asksFor(each, label, value)))),
  )
}

function asksFor(expression: Place, label: string, value: RegExp): boolean {
  const values = expression.get('values').texts
  return (
    expression.get('key').text === label &&
    expression.get('operator').text === 'In' &&
    values.length > 0 &&
    values.every((each) => value.test(each))
  )
}

const graceOnSpot: Rule = {
  id: 'grace-exceeds-notice',
  severity: 'warning',
  severityReason:
    'It matters only when the cloud takes the node away. A grace period is the longest time, not the usual one: an info.',
  title: 'A grace period, or a hook, that is longer than the notice of a spot node',
  why: 'A cloud takes a spot node away a fixed time after its notice, even if pods still drain: 2 minutes with AWS, 30 s with Azure, and 30 s with Google, of which pods get 15 s. A hook that takes as long leaves nothing for the requests in flight.',
  check: eachPod((pod, report) => {
    const found = spotOf(pod)
    if (found === undefined || !pod.isWhole) return
    const { notice, who, label } = found
    const hook = pod.containers.map((container) => container.hook).find((each) => (each?.seconds ?? 0) >= notice)
    if (hook?.seconds !== undefined) {
      report(
        hook.secondsPlace,
        `The hook takes ${hook.seconds} s, but ${who} takes a spot node (\`${label}\`) away ${notice} s after its notice`,
        { fix: `Shorten the hook to less than ${notice} s, or use nodes that stay` },
      )
    } else if (pod.gracePlace.number !== undefined && pod.gracePlace.number > notice) {
      report(
        pod.gracePlace,
        `The grace period is ${pod.gracePlace.number} s, but ${who} takes a spot node (\`${label}\`) away ${notice} s after its notice`,
        { severity: 'info', fix: `Let the drain fit into ${notice} s, or use nodes that stay` },
      )
    }
  }),
}

/** The default of the cluster autoscaler's `--max-graceful-termination-sec`, in seconds. */
export const autoscalerWaits = 600

const graceBeyondNode: Rule = {
  id: 'grace-exceeds-node',
  severity: 'warning',
  severityReason:
    'It matters only when an autoscaler removes the node. Where no file shows an autoscaler it is an info.',
  title: 'A grace period that is longer than the autoscaler of the nodes waits',
  why: 'The cluster autoscaler removes a node 10 minutes after it has begun to drain the node (`--max-graceful-termination-sec`, 600 by default). Karpenter removes a node when the `terminationGracePeriod` of the NodePool is over. Both kill the pods that still terminate. A pod with the annotation `cluster-autoscaler.kubernetes.io/safe-to-evict: "false"` keeps its node for good. With `karpenter.sh/do-not-disrupt: "true"` it keeps the node until Karpenter has to remove it.',
  check: (world, report) => {
    const limit = limitIn(world)
    for (const pod of world.pods) {
      const { number } = pod.gracePlace
      if (number === undefined || number <= limit.seconds || pod.kind === 'DaemonSet') continue
      if (pod.annotation('cluster-autoscaler.kubernetes.io/safe-to-evict') === 'false') continue
      // A Fargate node has one pod, and ends with it.
      if (pod.spec.get('nodeSelector', 'eks.amazonaws.com/compute-type').text === 'fargate') continue
      report(
        pod.gracePlace,
        `The grace period is ${number} s, but ${limit.who} removes the node after ${limit.seconds} s (\`${limit.flag}\`${limit.isKnown ? '' : ', the default'})`,
        {
          severity: limit.isKnown ? 'warning' : 'info',
          fix: `${limit.isKnown ? `Raise \`${limit.flag}\` to ${number} s or more` : 'Nothing, if nodes stay or the autoscaler waits longer'}; else let another pod continue what takes longer than ${limit.seconds} s`,
        },
      )
    }
  },
}

interface Limit {
  readonly seconds: number
  readonly who: string
  readonly flag: string
  /** Whether the limit is in the files. */
  readonly isKnown: boolean
}

/** The shortest limit in the files, or else the default of the cluster autoscaler. */
function limitIn(world: World): Limit {
  const told: Limit[] = world.kind('NodePool').flatMap((pool) => {
    const seconds = secondsOf(pool.get('spec', 'template', 'spec', 'terminationGracePeriod').text)
    if (!pool.apiVersion.startsWith('karpenter.sh/') || seconds === undefined) return []
    return [{ seconds, who: `Karpenter (${pool.label})`, flag: 'terminationGracePeriod', isKnown: true }]
  })
  for (const { running } of world.pods) {
    const words = running.flatMap(({ started }) => started?.words ?? [])
    const [, waits] = /--max-graceful-termination-sec[= ](\d+)/.exec(words.join(' ')) ?? []
    if (waits !== undefined) told.push({ ...byDefault, seconds: Number(waits), isKnown: true })
  }
  const [shortest] = told.sort((one, other) => one.seconds - other.seconds)
  return shortest ?? byDefault
}

const byDefault: Limit = {
  seconds: autoscalerWaits,
  who: 'the cluster autoscaler',
  flag: '--max-graceful-termination-sec',
  isKnown: false,
}

/** A duration of Go, such as `1h30m`, in seconds. */
function secondsOf(text: string | undefined): number | undefined {
  if (text === undefined || !/^(\d+[hms])+$/.test(text)) return undefined
  const units: Readonly<Record<string, number>> = { h: 3600, m: 60, s: 1 }
  return [...text.matchAll(/(\d+)([hms])/g)].reduce(
    (sum, [, amount, unit = 's']) => sum + Number(amount) * (units[unit] ?? 1),
    0,
  )
}

export const nodeRules: readonly Rule[] = [graceOnSpot, graceBeyondNode]
