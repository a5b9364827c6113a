import type { Case } from './cases.js'
import { objectsOf, type Settings } from './objects.js'
import { problems } from './schema.js'

export interface DryCase {
  readonly name: string
  readonly kinds: string[]
  readonly problems: string[]
}

/** Builds every object of every case, and validates each against the schema of its kind. */
export function dryRun(cases: readonly Case[], settings: Settings, bundleOf: (name: string) => string): DryCase[] {
  return cases.map((each) => {
    const objects = objectsOf(each, settings, bundleOf)
    return {
      name: each.name,
      kinds: objects.map(({ kind }) => kind),
      problems: objects.flatMap((object) =>
        (problems(object) ?? ['no schema']).map((problem) => `${object.kind} ${object.metadata.name}: ${problem}`),
      ),
    }
  })
}
