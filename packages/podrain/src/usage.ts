/** A mistake of the user: exit code 2, without a stack trace. */
export class UsageError extends Error {}
