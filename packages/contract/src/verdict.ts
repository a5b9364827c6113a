import type { Result } from './run.js'

export interface Verdict {
  readonly result: Result
  /** Of a second run, alone, where the first one said “broken”. */
  readonly again?: Result
}

/** What counts: broken is what was broken both times. */
export function outcome({ result, again }: Verdict): Result['outcome'] {
  return result.outcome === 'broken' ? (again ?? result).outcome : result.outcome
}

/**
 * Asks for each, several at a time, and once more, alone, for what is broken: a machine that is too busy breaks nothing twice.
 * @param told hears each verdict when it is there, and once more if there is a second run
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
