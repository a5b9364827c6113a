/**
 * A plug-in for Stryker that tries only some shares of the changes: all of them take many hours. A hash decides which share
 * a change belongs to, so each share is a random sample.
 *
 * It is a checker, which Stryker asks of each change whether it can be tried at all.
 */
import { createHash } from 'node:crypto'

/** Into how many shares the changes are divided. */
export const shares = 16

const { PODRAIN_SHARES: asked } = process.env

/** The shares that are tried; undefined if all changes are. */
export const wanted = asked === undefined ? undefined : JSON.parse(asked)

/** The share that a change belongs to, from 1 on: for the same place and the same change always the same one. */
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
