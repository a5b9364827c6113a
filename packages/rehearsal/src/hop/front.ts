/** A host and a port of this machine. */
export interface Place {
  readonly host: string
  readonly port: number
}

/** What is asked of whatever stands between clients and pods. */
export interface FrontPlan {
  /** Where clients connect to. */
  readonly listen: Place
  /** Where it sends requests. */
  readonly upstream: Place
  /** Connections to `upstream` that it keeps for later requests. */
  readonly keepAlive: number
  /** How often it sends a request again. */
  readonly retries: number
}

/** It runs, and accepts connections. */
export interface Front {
  /** The longest time it could do nothing, in ms; 0 for what nobody can look into. */
  readonly heldUpMs: number
  /** Ends it. Resolves when nothing of it is left; never rejects. */
  close(): Promise<void>
}

/** How long it may take until it accepts connections, in ms. */
export const startTimeout = 10_000

/** How long it waits for a connection to a pod, and for the next byte of an answer, in seconds: what ingress-nginx does. */
export const patience = { connect: 5, answer: 60 } as const
