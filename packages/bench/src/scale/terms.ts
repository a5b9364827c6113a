/** Short waits, as what is measured is the work, and a minute at most for it. */
export const terms = { terminationGracePeriodSeconds: 60, keepAliveCap: 1000 } as const
export const settle = { min: 1000, quiet: 200 } as const

/** Requests in flight are answered at a time of their own, until so many milliseconds after the drain began. */
export const answeredWithin = 800

/** How often the event loop's delay is looked at, in milliseconds. */
export const resolution = 5
