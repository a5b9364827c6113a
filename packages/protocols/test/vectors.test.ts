import { describe, expect, test } from 'vitest'
import { isLeaving, type Phase, phases } from '../src/front.js'
import { type Run, runners, runVectors } from '../src/vectors/index.js'

const withPodrain = (Object.keys(phases) as Phase[]).filter((phase) => phase !== 'bare')

describe.each(Object.keys(runners) as (keyof typeof runners)[])('whatever a client sends by %s', (protocol) => {
  let bare: Promise<Run> | undefined

  test.each(withPodrain.map((phase) => [phases[phase], phase] as const))(
    'it gets the same as without podrain: %s',
    async (_words, phase) => {
      bare ??= runVectors(protocol, 'bare')
      const expected = [...(await bare).outcomes].map(
        ([{ sends, leaving }, outcome]) => [sends, isLeaving(phase) ? (leaving ?? outcome) : outcome] as const,
      )
      const { outcomes, leftInFlight } = await runVectors(protocol, phase)
      expect([...outcomes].map(([{ sends }, outcome]) => [sends, outcome])).toEqual(expected)
      expect(leftInFlight).toBe(0)
    },
  )
})
