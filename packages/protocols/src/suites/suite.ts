import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** The result of a conformance suite in one phase. */
export interface SuiteRun {
  /** The outcome of each case. */
  readonly outcomes: ReadonlyMap<string, string>
  readonly leftInFlight: number
}

/** Runs a program to its end. The exit code says only whether a case failed, so it is not looked at. */
export async function execute(program: string, args: readonly string[]): Promise<void> {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  await once(child, 'exit')
}
