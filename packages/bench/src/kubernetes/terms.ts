/** Milliseconds. */
export const minute = 60_000

/** Milliseconds within which the processes of the pods start, and until all of them have learned what they need. */
export const [startWithin, warm] = [minute, 5 * minute]

/** Milliseconds after a rollout in which the last pods learn what they need, and that a rollout may take. */
export const [afterRollout, longestRollout] = [2.5 * minute, 60 * minute]
