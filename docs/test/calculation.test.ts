import { resolveOptions } from '@podrain/core'
import { presets } from '@podrain/core/budget'
import { lint } from '@podrain/manifests'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { calculate, type Inputs } from '../.vitepress/theme/budgets/calculation.js'
import { inputs } from './inputs.js'

beforeEach(() => {
  vi.stubEnv('TERMINATION_GRACE_PERIOD_SECONDS', undefined)
})

/** What a drain with the options of the calculator has for its times, or the error that it throws. */
function drained({ platform, graceSeconds }: Inputs, code: string) {
  const options = new Function(`return (${code.split('//')[0]})`)()
  const told = graceSeconds === undefined ? {} : { terminationGracePeriodSeconds: graceSeconds }
  return () => resolveOptions({ ...options, ...told, platform, logger: false })
}

describe.each(inputs)('the calculator, given %s,', (_name, given) => {
  const { times, misfit, code, setting, lanes } = calculate(given)

  test('has the times of a drain with the options that it gives to copy, or its error', () => {
    if (misfit === undefined) expect(drained(given, code)()).toMatchObject(times)
    else expect(drained(given, code)).toThrow(new RangeError(misfit))
  })

  test('draws parts that follow each other to the end of the grace period', () => {
    const parts = lanes[0]?.parts ?? []
    expect(parts.map(({ from }) => from)).toEqual([0, ...parts.slice(0, -1).map(({ to }) => to)])
    if (misfit === undefined) expect(parts.at(-1)?.to).toBe(times.gracePeriod)
    else expect(parts.at(-1)?.to).toBeGreaterThan(times.gracePeriod)
  })

  test('gives a manifest to copy in which lint finds nothing about the times', () => {
    // Lint does not see `closing` and `reserve` of the app.
    const { closing, reserve } = given
    if (times.platform !== 'kubernetes' || misfit !== undefined || closing !== undefined || reserve !== undefined)
      return
    const text = `apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: web }\n${setting}`
    const rules = lint([{ file: 'web.yaml', text }]).findings.map(({ rule }) => rule)
    expect(rules.filter((rule) => /grace|hook|probe|readiness|settle/.test(rule))).toEqual([])
  })
})

test.each(Object.keys(presets) as (keyof typeof presets)[])(
  'the grace period that the calculator advises behind %s is long enough, and none shorter is',
  (behind) => {
    const lateWith = (graceSeconds: number) =>
      calculate({ platform: 'kubernetes', behind, graceSeconds, longestRequestSeconds: 30 }).late
    const advised = Number(/A grace period of (\d+) s/.exec(lateWith(10) ?? '')?.[1])
    expect(lateWith(advised)).toBeUndefined()
    expect(lateWith(advised - 1)).toContain(`A grace period of ${advised} s is long enough.`)
  },
)
