import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Phase } from './front.js'

/** The stored result of one suite in one phase. */
export interface Result {
  readonly date: string
  readonly node: string
  readonly leftInFlight: number
  readonly outcomes: Readonly<Record<string, string>>
}

/** The stored results of a suite, by phase. */
export type Results = Partial<Record<Phase, Result>>

export type Suite = 'vectors' | 'h2spec' | 'autobahn'

const directory = join(__dirname, '../results')
const fileOf = (suite: Suite): string => join(directory, `${suite}.json`)

/** Reads the stored results of a suite. */
export function load(suite: Suite): Results {
  try {
    return JSON.parse(readFileSync(fileOf(suite), 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw error
  }
}

/** Stores the result of a suite in a phase. The results in other phases stay. */
export function keep(suite: Suite, phase: Phase, found: Pick<Result, 'leftInFlight' | 'outcomes'>): void {
  mkdirSync(directory, { recursive: true })
  const result: Result = { date: new Date().toISOString().slice(0, 10), node: process.version, ...found }
  writeFileSync(fileOf(suite), `${JSON.stringify({ ...load(suite), [phase]: result }, null, 1)}\n`)
}
