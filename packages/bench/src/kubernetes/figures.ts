import type { Phase, Run } from './data.js'

/** Whether both runs have the same scenario and the same number of pods. */
export function isAlike(one: Run, other: Run): boolean {
  return one.scenario === other.scenario && one.pods === other.pods
}

export function phaseOf(run: Run, name: string): Phase {
  const phase = run.phases.find((one) => one.name === name)
  if (!phase) throw new Error(`the simulation “${run.scenario}” has no phase “${name}”`)
  return phase
}

/** @param verb Counts only the requests with this verb. By default all requests, with refused connections. */
export function requestsIn({ requests }: Phase, verb = ''): number {
  return sum(Object.entries(requests).flatMap(([what, count]) => (what.startsWith(verb) ? [count] : [])))
}

export function bytesIn({ bytes }: Phase): number {
  return sum(Object.values(bytes))
}

/** The most open watches of all kinds. */
export function watchesIn({ watches }: Phase): number {
  return sum(Object.values(watches).map(({ most }) => most))
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, each) => all + each, 0)
}

export function perPod({ sample }: Run, counted: number): number {
  return counted / sample
}

export function inAll({ sample, pods }: Run, counted: number): number {
  return (counted / sample) * pods
}
