/** A host and a port of this machine. */
export interface Place {
  readonly host: string
  readonly port: number
}

/** How a proxy between clients and pods is started. */
export interface FrontPlan {
  /** Where clients connect. */
  readonly listen: Place
  /** Where the proxy sends requests. */
  readonly upstream: Place
  /** The most idle connections to `upstream` that the proxy keeps for later requests. */
  readonly keepAlive: number
  /** How often the proxy sends a request again. */
  readonly retries: number
}

/** A proxy that runs and accepts connections. */
export interface Front {
  /** The longest delay of its event loop, in ms; 0 for a program, whose delays cannot be measured. */
  readonly eventLoopDelayMs: number
  /** Ends the proxy. Resolves when its processes and files are gone. Never rejects. */
  close(): Promise<void>
}

/** How long a proxy may take until it accepts connections, in ms. */
export const startTimeout = 10_000

/** How long a proxy waits for a connection to a pod, and for the next byte of a response, in seconds: the defaults of ingress-nginx. */
export const patience = { connect: 5, answer: 60 } as const
