/** `2`, or `25%` of the pods; undefined for anything else. What is rounded up and what down, differs. */
export function amountOf(value: unknown, pods: number, round: (amount: number) => number): number | undefined {
  if (typeof value === 'number') return value
  const [, percent] = /^(\d+)%$/.exec(String(value)) ?? []
  return percent === undefined ? undefined : round((Number(percent) * pods) / 100)
}
