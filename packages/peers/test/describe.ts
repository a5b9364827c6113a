import { runInside, type Subject } from '@podrain/contract'
import { describe, test } from 'vitest'
import { senseless } from '../src/behaviours/behaviour.js'
import { rooms } from '../src/behaviours/index.js'

/** Tests servers against the contract. */
export function describeContract(...subjects: readonly Subject[]): void {
  for (const subject of subjects) {
    describe.concurrent(subject.name, () => {
      for (const { name, behaviours } of rooms) {
        const sensible = behaviours.filter((behaviour) => senseless(behaviour, subject.has) === undefined)
        if (sensible.length === 0) continue
        describe.concurrent(`${name}:`, () => {
          for (const behaviour of sensible) test(behaviour.name, () => runInside(behaviour, subject))
        })
      }
    })
  }
}
