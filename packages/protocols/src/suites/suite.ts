import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** What a conformance suite found in one phase. */
export interface SuiteRun {
  /** The outcome of each case. */
  readonly outcomes: ReadonlyMap<string, string>
  readonly leftInFlight: number
}

/** Runs a program to its end. Its exit code says only whether some case failed. */
export async function execute(program: string, args: readonly string[]): Promise<void> {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  await once(child, 'exit')
}
