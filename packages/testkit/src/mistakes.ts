import { Drain, type ExitSource } from '@podrain/core'
import { describe, expect, test } from 'vitest'
import { quick } from './client.js'

/**
 * @param moment The moment at which the adapter checks its options, as a clause.
 * @param expectRefused Expects that the adapter throws the message for the options.
 * @param own Further tests, for this framework only.
 */
export function describeMistakes(
  moment: string,
  expectRefused: (options: object, message: string) => void | Promise<void>,
  own = () => {},
): void {
  describe(`mistakes are found when ${moment}`, () => {
    test.each<[name: string, options: object, message: string]>([
      ['an unknown option', { gracePeriod: 30 }, 'Unknown option `gracePeriod`: expected one of `termination'],
      ['an option in another case', { readyzWhiledraining: 'pass' }, 'did you mean `readyzWhileDraining`?'],
      ['an unknown endpoint', { endpoints: { ready: '/r' } }, 'Unknown endpoint `ready`'],
      ['a path without a slash', { endpoints: { readyz: 'readyz' } }, 'to be a path that begins with /'],
      ['two endpoints on one path', { endpoints: { readyz: '/up', livez: '/up' } }, 'a path of its own'],
      [
        'times that do not fit',
        { platform: 'kubernetes', settle: { min: 40_000 } },
        'but `terminationGracePeriodSeconds` 30 gives 30000 ms',
      ],
      ['a drain that is not a Drain', { drain: {} }, 'Expected `drain` to be a Drain from @podrain/core'],
      [
        'options of a drain together with a drain',
        { settle: {}, drain: new Drain(quick) },
        'Option `settle` came together',
      ],
    ])('%s', async (_name, options, message) => {
      const listeners = new Set<object>()
      await expectRefused({ ...options, process: processOf(listeners) }, message)
      expect(listeners, 'no signal listener may be left').toHaveProperty('size', 0)
    })

    own()
  })
}

/** A value for the option `process` that records its listeners. */
export function processOf(listeners: Set<object>): ExitSource {
  return {
    register(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}
