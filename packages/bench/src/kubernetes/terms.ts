/** Milliseconds. */
export const minute = 60_000

/** Milliseconds within which the pods start, and until all pods have read what they need from the API. */
export const [startWithin, warm] = [minute, 5 * minute]

/** Milliseconds after a rollout in which the last pods read what they need; and how long a rollout may take. */
export const [afterRollout, longestRollout] = [2.5 * minute, 60 * minute]
