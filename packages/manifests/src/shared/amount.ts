/** The value of `2` or `25%` as a number of pods; undefined for anything else. Kubernetes rounds some percentages up and others down. */
export function amountOf(value: unknown, pods: number, round: (amount: number) => number): number | undefined {
  if (typeof value === 'number') return value
  const [, percent] = /^(\d+)%$/.exec(String(value)) ?? []
  return percent === undefined ? undefined : round((Number(percent) * pods) / 100)
}
