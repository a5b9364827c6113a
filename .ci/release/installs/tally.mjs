import { tableOf } from '../../shared/table.mjs'

let passed = 0
const complaints = []

/** Counts a check and prints its result. Returns the cell for a table. */
export function record(what, complaint) {
  if (complaint === undefined) passed++
  else complaints.push(`${what}: ${complaint}`)
  console.error(`${what}: ${complaint === undefined ? 'passed' : 'failed'}`)
  return complaint === undefined ? 'yes' : '**no**'
}

/** Prints a table. */
export function table(head, rows) {
  console.log(`\n${tableOf(head, rows)}`)
}

/** Prints all complaints and the totals, and sets the exit code. */
export function conclude() {
  for (const complaint of complaints) console.log(`\n${complaint}`)
  console.log(`\n${passed} passed, ${complaints.length} failed`)
  process.exitCode = complaints.length > 0 ? 1 : 0
}
