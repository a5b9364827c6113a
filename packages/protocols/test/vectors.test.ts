import { describe, expect, test } from 'vitest'
import { isLeaving, type Phase, phases } from '../src/front.js'
import { type Run, runners, runVectors } from '../src/vectors/index.js'

const drained = (Object.keys(phases) as Phase[]).filter((phase) => phase !== 'bare')

describe.each(Object.keys(runners) as (keyof typeof runners)[])('what a client sends over %s', (protocol) => {
  let bare: Promise<Run> | undefined

  test.each(drained)('gets the same from a server that is %s as from one without podrain', async (phase) => {
    bare ??= runVectors(protocol, 'bare')
    const expected = [...(await bare).outcomes].map(
      ([{ sends, leaving }, outcome]) => [sends, isLeaving(phase) ? (leaving ?? outcome) : outcome] as const,
    )
    const { outcomes, leftInFlight } = await runVectors(protocol, phase)
    expect([...outcomes].map(([{ sends }, outcome]) => [sends, outcome])).toEqual(expected)
    expect(leftInFlight).toBe(0)
  })
})
