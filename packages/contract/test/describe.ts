import { describe, test } from 'vitest'
import { rooms } from '../src/behaviours/index.js'
import { run, senseless } from '../src/run.js'
import type { Subject } from '../src/subject.js'

/** Holds servers to the contract, one line each. */
export function describeContract(...subjects: readonly Subject[]): void {
  for (const subject of subjects) {
    describe.concurrent(subject.name, () => {
      for (const { name, behaviours } of rooms) {
        const sensible = behaviours.filter((behaviour) => senseless(behaviour, subject) === undefined)
        if (sensible.length === 0) continue
        describe.concurrent(`${name}:`, () => {
          for (const behaviour of sensible) test(behaviour.name, () => run(behaviour, subject))
        })
      }
    })
  }
}
