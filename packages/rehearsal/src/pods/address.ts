/** Where a pod listens. It outlives the pod's container, which may be restarted. */
export interface Address {
  readonly host: string
  readonly port: number
  /** What runs the pod's command there, before the command itself. */
  readonly command: readonly string[]
  /** Told to the pod beside its address. */
  readonly env: Readonly<Record<string, string>>
  /** Gives it back, once the pod is gone for good. Resolves when nothing reaches it any more; never rejects. */
  release(): Promise<void>
}

/** Hands out the pods' addresses. */
export interface Addresses {
  next(): Promise<Address>
  close(): Promise<void>
}
