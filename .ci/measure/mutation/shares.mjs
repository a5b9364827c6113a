/**
 * A plug-in for Stryker that runs only some shares of the mutants, because all of them take many hours. A hash assigns each mutant to
 * a share, so each share is a random sample.
 *
 * The plug-in is a checker. Stryker asks a checker for each mutant whether to run it.
 */
import { createHash } from 'node:crypto'

/** The number of shares. */
export const shares = 16

const { PODRAIN_SHARES: variable } = process.env

/** The shares to run; undefined for all mutants. */
export const wanted = variable === undefined ? undefined : JSON.parse(variable)

/** The share of a mutant, from 1 on. The same mutant at the same place is always in the same share. */
function shareOf({ fileName, mutatorName, replacement, location: { start, end } }) {
  const file = fileName.slice(fileName.lastIndexOf('packages/core/src'))
  const place = [file, start.line, start.column, end.line, end.column, mutatorName, replacement]
  return (createHash('sha256').update(JSON.stringify(place)).digest().readUInt32BE() % shares) + 1
}

function checker() {
  const answer = (mutant) =>
    wanted?.includes(shareOf(mutant)) ? { status: 'passed' } : { status: 'compileError', reason: 'of another share' }
  return {
    async init() {},
    check: async (mutants) => Object.fromEntries(mutants.map((mutant) => [mutant.id, answer(mutant)])),
  }
}

export const strykerPlugins = [{ kind: 'Checker', name: 'shares', factory: Object.assign(checker, { inject: [] }) }]
