import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Phase } from './front.js'

/** What one suite found in one phase, as it is kept. */
export interface Result {
  readonly date: string
  readonly node: string
  readonly leftInFlight: number
  readonly outcomes: Readonly<Record<string, string>>
}

/** What a suite found, by phase. */
export type Results = Partial<Record<Phase, Result>>

export type Suite = 'vectors' | 'h2spec' | 'autobahn'

const directory = join(__dirname, '../results')
const fileOf = (suite: Suite): string => join(directory, `${suite}.json`)

/** What was kept of a suite. */
export function load(suite: Suite): Results {
  try {
    return JSON.parse(readFileSync(fileOf(suite), 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw error
  }
}

/** Keeps what a suite found in a phase; what it found in others stays. */
export function keep(suite: Suite, phase: Phase, found: Pick<Result, 'leftInFlight' | 'outcomes'>): void {
  mkdirSync(directory, { recursive: true })
  const result: Result = { date: new Date().toISOString().slice(0, 10), node: process.version, ...found }
  writeFileSync(fileOf(suite), `${JSON.stringify({ ...load(suite), [phase]: result }, null, 1)}\n`)
}
