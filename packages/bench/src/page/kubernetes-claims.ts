import { absences, type KubernetesData, type Run } from '../kubernetes/data.js'
import { bytesIn, inAll, isAlike, perPod, phaseOf, requestsIn, watchesIn } from '../kubernetes/figures.js'
import { fixed } from './section.js'

/** A sentence on the page, and whether the target that it names was met. */
export interface Claim {
  readonly sentence: string
  readonly kept: boolean
}

/** The targets: the share of bytes in a rollout, watches per pod, and requests per pod in 10 s. */
const wanted = { rollout: 0.01, watches: 1, returning: 0.1 } as const

/** The sentences that follow from the counts. A sentence that compares with “before” is left out if “before” was not counted. */
export function claimsOf({ runs }: Pick<KubernetesData, 'runs'>): Claim[] {
  const after = runs.filter(({ version }) => version === 'after')
  const rollouts = after.flatMap((run) => {
    const before = runs.find((one) => one.version === 'before' && isAlike(one, run) && one.services === run.services)
    if (run.scenario !== 'rolling over' || run.services !== 1 || !before) return []
    const [own, others] = [run, before].map((one) => inAll(one, bytesIn(phaseOf(one, 'rollout')))) as [number, number]
    const sizes = `${amount(others)} before, and ${amount(own)} after`
    const sentence = `In a rollout of ${fixed(run.pods)} pods the API server sends ${sizes}: ${percent(own / others)} of it.`
    // The target was set for 1,000 pods. With ten pods there is little to save.
    return run.pods < 1000
      ? [{ sentence, kept: true }]
      : [claim(sentence, `at most ${percent(wanted.rollout)}`, own / others <= wanted.rollout)]
  })
  return [...rollouts, ...watchesClaim(after), ...returningClaim(after)]
}

function watchesClaim(after: readonly Run[]): Claim[] {
  const open = after.flatMap((run) =>
    run.scenario === 'serving' ? [perPod(run, watchesIn(phaseOf(run, 'hour')))] : [],
  )
  if (open.length === 0) return []
  const most = Math.max(...open)
  const sentence = `While serving, ${fixed(most, 2)} watches per pod are open at most.`
  return [claim(sentence, `at most ${wanted.watches}`, most <= wanted.watches)]
}

function returningClaim(after: readonly Run[]): Claim[] {
  const returning = after.filter(({ scenario }) => (absences as readonly string[]).includes(scenario))
  // Only the largest sample, because in a small one a single request changes the mean.
  const largest = Math.max(...returning.map(({ sample }) => sample))
  const [worst] = returning
    .filter(({ sample }) => sample === largest)
    .map((run) => ({ run, requests: perPod(run, requestsIn(phaseOf(run, '10 s'))) }))
    .sort((a, b) => b.requests - a.requests)
  if (!worst) return []
  const sentence =
    `In the first 10 s after the API was away, each pod sends ${fixed(worst.requests, 3)} requests in the worst case, ` +
    `which is “${worst.run.scenario}” with ${fixed(worst.run.pods)} pods.`
  return [claim(sentence, `at most ${wanted.returning}`, worst.requests <= wanted.returning)]
}

function claim(sentence: string, limit: string, kept: boolean): Claim {
  return { sentence: `${sentence} ${kept ? 'The target is kept' : '**The target is not kept**'}: ${limit}.`, kept }
}

function amount(bytes: number): string {
  const [size, unit] = bytes >= 1e12 ? [1e12, 'TB'] : bytes >= 1e9 ? [1e9, 'GB'] : [1e6, 'MB']
  return `${fixed(bytes / size, bytes / size < 100 ? 1 : 0)} ${unit}`
}

function percent(share: number): string {
  return `${fixed(100 * share, share < 0.1 ? 2 : 0)} %`
}
