/** Something to be put right before a rehearsal can take place: exit code 2, no stack. */
export class UsageError extends Error {}
