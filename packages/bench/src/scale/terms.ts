/** Short waits, because the bench measures the work and not the waits. The work may take a minute. */
export const terms = { terminationGracePeriodSeconds: 60, keepAliveCap: 1000 } as const
export const settle = { min: 1000, quiet: 200 } as const

/** Each request in flight is answered at a random time within this many milliseconds after the drain began. */
export const answeredWithin = 800

/** The interval at which the delay of the event loop is sampled, in milliseconds. */
export const resolution = 5
