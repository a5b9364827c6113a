import type { Result } from './run.js'

export interface Verdict {
  readonly result: Result
  /** The result of the second run, if the first result was “broken”. */
  readonly again?: Result
}

/** The outcome that counts. A sentence is broken only if it was broken in both runs. */
export function outcome({ result, again }: Verdict): Result['outcome'] {
  return result.outcome === 'broken' ? (again ?? result).outcome : result.outcome
}

/**
 * Tests all cases, several at the same time. Repeats each broken case once, alone, because a busy machine may have broken it.
 * @param jobs The number of cases that run at the same time.
 * @param told Called with each verdict, and again after a second run.
 */
export async function askAll<One>(
  cases: readonly One[],
  jobs: number,
  ask: (one: One) => Promise<Result>,
  told: (verdict: One & Verdict) => void,
): Promise<(One & Verdict)[]> {
  const { default: pMap } = await import('p-map')
  const tell = (verdict: One & Verdict): One & Verdict => {
    told(verdict)
    return verdict
  }
  const first = await pMap(cases, async (one) => tell({ ...one, result: await ask(one) }), { concurrency: jobs })
  const verdicts: (One & Verdict)[] = []
  for (const one of first) {
    verdicts.push(one.result.outcome === 'broken' ? tell({ ...one, again: await ask(one) }) : one)
  }
  return verdicts
}
