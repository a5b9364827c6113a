/** Requests a second that the clients send together, however many they are. */
export const rate = 500

/** What a readiness probe may take, in seconds. */
export const timeoutSeconds = 1
