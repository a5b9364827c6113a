import { inspect } from 'node:util'

/** An error as a log line shows it: with its stack. */
export function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : inspect(error)
}

/** An error in one line. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : inspect(error)
}
