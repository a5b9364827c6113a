/** Requests per second of all clients together, for any number of clients. */
export const rate = 500

/** The timeout of a readiness probe, in seconds. */
export const timeoutSeconds = 1
