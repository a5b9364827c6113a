import { inspect } from 'node:util'

/** The text of an error for the log, with its stack. */
export function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : inspect(error)
}

/** The message of an error. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : inspect(error)
}
